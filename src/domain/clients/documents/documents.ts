import type { ClientMetadata } from '../normalize-registration.ts';

import { readDocument } from './read-document.ts';
import { versionOf } from './snapshot.ts';

/** A client's metadata document as it stands now, or did a short while ago. */
export interface ClientDocument {
  readonly metadata: ClientMetadata;
  /** Changes with name, redirects and keys, and with nothing else. */
  readonly version: string;
}

export interface Documents {
  /**
   * The document of a client. The URL is one that `isDocumentUrl` takes, and that somebody said may be a
   * client here.
   *
   * @throws whatever `copies` throws, when there is neither a document nor a copy that may stand in for it.
   */
  resolve(url: string, network: string | undefined): Promise<ClientDocument>;
}

interface Deps {
  /** Copies of documents, read by `readDocument` before they are kept. */
  readonly copies: {
    get(url: string, options: { readonly admit: () => Promise<void> }): Promise<Uint8Array>;
  };
  /** Asked before a document is fetched that nobody has a good copy of; throws when that would be too much. */
  readonly admit: (url: string, network: string | undefined) => Promise<void>;
  /** Called when a lookup that was admitted failed. */
  readonly failed: (url: string, network: string | undefined, error: unknown) => Promise<void>;
}

/** Metadata documents, which say who a client is that nobody registered. */
export function createDocuments({ copies, admit, failed }: Deps): Documents {
  return {
    async resolve(url, network) {
      let admitted = false;
      const admitOnce = async () => {
        await admit(url, network);
        admitted = true;
      };
      const bytes = await copies.get(url, { admit: admitOnce }).catch(async (error: unknown) => {
        if (admitted) await failed(url, network, error);
        throw error;
      });
      const metadata = readDocument(url, bytes);
      return { metadata, version: versionOf(metadata) };
    },
  };
}
