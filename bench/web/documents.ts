/** What is published on the web of a benchmark, by URL. A name says how its host behaves. */

/** Where a name leads: to the web, to a machine that accepts and says nothing, to a closed port, or nowhere. */
export type Place = 'web' | 'mute' | 'closed' | 'nowhere';

/**
 * Ways to hurt whoever fetches a document, and the place of each: to take time, room or work, or to lead
 * somewhere else.
 */
export const HOSTILITIES = {
  'slow-body': 'web',
  'slow-head': 'web',
  silent: 'web',
  mute: 'mute',
  'endless-body': 'web',
  'endless-head': 'web',
  'endless-interim': 'web',
  huge: 'web',
  compressed: 'web',
  'wrong-type': 'web',
  redirecting: 'web',
  'hanging-up': 'web',
  closed: 'closed',
  nameless: 'nowhere',
  costly: 'web',
  'crumbs-of-tls': 'web',
  'crumbs-of-http': 'web',
} as const satisfies Readonly<Record<string, Place>>;

export type Hostility = keyof typeof HOSTILITIES;
export type Behaviour = Hostility | 'good';

const DOMAIN = 'documents.example';

/** Every name of the web, as one certificate says it. */
export const ALL_NAMES = `*.${DOMAIN}`;

/** Where the answer to an authorization request goes, in every document that is as it should be. */
export const DOCUMENT_REDIRECT = 'https://client.example/callback';

/** The URL of a document; each `publication` is another one on the same host. */
export function documentUrl(behaviour: Behaviour, host: number, publication: string): string {
  return `https://${behaviour}-${host}.${DOMAIN}/${publication}/client.json`;
}

/** So many URLs on as many hosts, of every hostility in turn. */
export function hostileUrls(count: number, publication: string): readonly string[] {
  const all = Object.keys(HOSTILITIES) as Hostility[];
  return Array.from({ length: count }, (_, n) =>
    documentUrl(all[n % all.length] as Hostility, n, publication),
  );
}

/** As many on as many hosts, that are as they should be. */
export function goodUrls(count: number, publication: string): readonly string[] {
  return Array.from({ length: count }, (_, n) => documentUrl('good', n, publication));
}

/** How the host of that name behaves. */
export function behaviourOf(hostname: string): Behaviour {
  const name = hostname.split('.', 1)[0]?.replace(/-\d+$/, '') ?? '';
  return name in HOSTILITIES ? (name as Hostility) : 'good';
}

export function placeOf(hostname: string): Place {
  const behaviour = behaviourOf(hostname);
  return behaviour === 'good' ? 'web' : HOSTILITIES[behaviour];
}

/** A document as it should be. */
export function goodDocument(url: string): Buffer {
  return Buffer.from(
    JSON.stringify({
      client_id: url,
      client_name: 'Benchmark',
      redirect_uris: [DOCUMENT_REDIRECT],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    }),
  );
}
