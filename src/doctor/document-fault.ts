/** Why a metadata document could not be used, in words, and who can do something about it. */
export interface DocumentFault {
  /** Goes on after “because”. */
  readonly says: string;
  /** `way`: the server finds no way there; `host`: it turns servers away; `later`: nobody now; `maker`: what it says. */
  readonly with: 'way' | 'host' | 'later' | 'maker';
}

const BY_WORD: Readonly<Record<string, DocumentFault>> = {
  name_not_found: { says: 'the server does not find its host in DNS', with: 'way' },
  address_forbidden: { says: 'its host leads to an address that is not of the internet', with: 'way' },
  not_reachable: { says: 'the server gets no connection to its host', with: 'way' },
  no_answer: { says: 'its host cuts the connection', with: 'way' },
  cut_off: { says: 'its host cuts the connection', with: 'way' },
  timeout: { says: 'its host is too slow', with: 'way' },
  tls: { says: 'the certificate of its host is refused', with: 'way' },
  busy: { says: 'too many documents are fetched at once', with: 'later' },
  no_fetcher: { says: 'the thread that fetched it ended; the log of the server says why', with: 'later' },
  late: { says: 'another process took too long to fetch it', with: 'later' },
  content_type: { says: 'what comes is not JSON', with: 'host' },
};

/**
 * Reads what the audit trail has as `detail.why` of a `client_document`: a word of the fetcher, or a sentence about
 * the document itself.
 */
export function documentFault(why: string): DocumentFault {
  const word = why.replace(/^cannot be used: /, '');
  const known = Object.hasOwn(BY_WORD, word) ? BY_WORD[word] : undefined;
  if (known) return known;
  const [, status] = /^status_(\d{3})$/.exec(word) ?? [];
  return status === undefined
    ? { says: word, with: 'maker' }
    : { says: `its host answers ${status}`, with: 'host' };
}
