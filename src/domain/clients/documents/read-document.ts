import { type ClientMetadata, normalizeRegistration } from '../normalize-registration.ts';

import { JsonRefused, parseStrictJson } from './strict-json.ts';

/** Bytes of a document; the longest that is known has a fortieth of it (draft 02 §8.7 recommends 5 KB). */
export const MAX_DOCUMENT = 32 * 1024;

const MAX_DETAIL = 300;

/** What is read under a URL is not the metadata document of that URL, or not one that we take. */
export class DocumentInvalid extends Error {
  override readonly name = 'DocumentInvalid';
  /** What is wrong with it and how to mend it; for the trail and not for whoever asks. */
  readonly detail: string;

  constructor(detail: string) {
    super('this is not a metadata document that can be used');
    // It may quote the document, and is kept.
    this.detail = detail.replace(/[^\x20-\x7e]/g, '?').slice(0, MAX_DETAIL);
  }
}

/** Algorithms with a key that both sides would know (RFC 7518 §3.1, §4.1). */
const SYMMETRIC = /^(?:HS\d|A\d|dir$|PBES2)/i;

/**
 * The metadata document of a client, in the form in which every client is kept: what it lists and we do
 * not serve is left out, what MCP requires must be there (client ID metadata documents, draft 02 §4;
 * drafts 00 and 01 differ in numbers only).
 *
 * @throws DocumentInvalid
 */
export function readDocument(url: string, bytes: Uint8Array): ClientMetadata {
  const document = parse(bytes);
  if (typeof document !== 'object' || document === null || Array.isArray(document))
    throw new DocumentInvalid('a metadata document is one JSON object');
  // Before anything else is said about it: this may be the document of another client.
  if (!('client_id' in document) || document.client_id !== url)
    throw new DocumentInvalid('client_id in the document is not its URL, character by character');
  refuseSharedSecrets(document);
  const normalized = normalizeRegistration(document, { kind: 'document' });
  if (!normalized.ok) throw new DocumentInvalid(normalized.reason);
  return withoutPlainHttp(normalized.metadata);
}

function parse(bytes: Uint8Array): unknown {
  try {
    return parseStrictJson(bytes);
  } catch (error) {
    throw error instanceof JsonRefused ? new DocumentInvalid(error.message) : error;
  }
}

/** Draft 02 §4.1: everybody can read the document, so nothing in it is a secret, and nothing can rest on one. */
function refuseSharedSecrets(document: object): void {
  for (const member of ['client_secret', 'client_secret_expires_at']) {
    if (Object.hasOwn(document, member))
      throw new DocumentInvalid(`a metadata document is public and cannot have ${member}`);
  }
  for (const [member, value] of Object.entries(document)) {
    if (member.endsWith('_alg') && typeof value === 'string' && SYMMETRIC.test(value))
      throw new DocumentInvalid(`${member} needs a secret that a metadata document cannot establish`);
  }
}

/** What is shown or fetched comes by https or not at all. */
function withoutPlainHttp(metadata: ClientMetadata): ClientMetadata {
  const members = Object.entries(metadata).filter(
    ([name, value]) => !(name.endsWith('_uri') && /^http:/i.test(String(value))),
  );
  return Object.fromEntries(members) as unknown as ClientMetadata;
}
