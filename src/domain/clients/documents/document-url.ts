const MAX_URL = 2048;

/**
 * Whether a client_id is the URL of a metadata document: https with a host and a path, in the one
 * spelling that it would have after parsing (client ID metadata documents, draft 02 §3; drafts 00 and 01
 * say the same). What is spelled otherwise is refused without a fetch, so that one client has one
 * identifier. A bare `/` is the root of a site and no document. Nor is what no rule of an administrator could
 * name alone: `*` is a wildcard there, and an empty query is lost.
 */
export function isDocumentUrl(clientId: string): boolean {
  const url = clientId.length <= MAX_URL ? URL.parse(clientId) : null;
  if (url?.protocol !== 'https:' || url.href !== clientId) return false;
  if (url.username !== '' || url.password !== '' || /[#*]|\?$/.test(clientId)) return false;
  return url.pathname !== '/' && !/%2e|%2f|%5c|%00/i.test(url.pathname);
}

/** Whether a client_id was meant to be one, however it is spelled. */
export function looksLikeDocumentUrl(clientId: string): boolean {
  return /^\s*https?:/i.test(clientId);
}
