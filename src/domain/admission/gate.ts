import type { TrustLevel } from '../authority/index.ts';

/** Why a client that is named by a URL is not let in; also the reason in the audit record. */
export type DocumentRefusal =
  | 'client_documents_off'
  | 'client_not_allowed'
  | 'client_awaits_review'
  | 'client_blocked';

export type DocumentVerdict =
  | {
      readonly allowed: true;
      readonly trust: TrustLevel;
      /** Redirect URIs that it may use beside those of its document, because an administrator said so. */
      readonly redirectUris?: readonly string[];
    }
  | { readonly allowed: false; readonly reason: DocumentRefusal };

/**
 * Whether the client whose client_id is this URL may be used in the request in hand, and how far it is
 * trusted there. Asked before anything is fetched for it, and again on every use: a rule that an
 * administrator takes away ends what it allowed.
 */
export type DocumentGate = (url: string) => Promise<DocumentVerdict>;
