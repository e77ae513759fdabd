import { InvalidInput } from '../../kernel/errors.ts';
import type { TrustLevel } from '../authority/index.ts';

import { hasManyOwners } from './shared-hosts.ts';

/** Which URLs a rule is about. */
export interface Pattern {
  /** One URL, a template of them, or every URL of a host. */
  readonly kind: 'url' | 'template' | 'host';
  /** As it is kept: a host without the slash at its end. */
  readonly text: string;
  /** Host and port, as they stand in the URL. */
  readonly host: string;
  /** A regular expression that says the same, anchored at both ends; PostgreSQL and JavaScript read it alike. */
  readonly expression: string;
  /** The higher decides where several match. */
  readonly specificity: 0 | 1 | 2;
}

/** One whole segment of a path, and nothing of a query. */
const SEGMENT = '[^/?#]+';
/** A wildcard segment, alone or with the names that it does not stand for: `*`, `*!codex`, `*!codex!beta`. */
const WILDCARD = /^\*(?:![A-Za-z0-9._~-]+)*$/;
const MAX_LENGTH = 2048;

const HOW =
  'write the whole URL, or one in which a whole segment is * (or *!name: any but that name), for example https://chatgpt.com/oauth/*/client.json, or https://host alone';

/**
 * Reads what an administrator wrote: a URL, an origin with a path template of single-segment wildcards, or an
 * origin alone.
 *
 * It is read as the client ID of a metadata document is (client ID metadata documents, draft 02 §3): https, in the one
 * spelling that it has after parsing, so that a rule never means something else than the client_id that it
 * is compared with. A wildcard stands for a segment, never for a part of one, of the host or of a query.
 *
 * @throws InvalidInput that says how to write it.
 */
export function parsePattern(written: string): Pattern {
  const url = written.length <= MAX_LENGTH ? URL.parse(written) : null;
  if (url?.protocol !== 'https:') throw refused(written, 'it is no https URL');
  if (url.username !== '' || url.password !== '' || written.includes('#'))
    throw refused(written, 'a client_id has neither user nor fragment');
  if (url.host.includes('*')) throw refused(written, 'a host has no wildcard');
  if (url.href !== written && url.origin !== written)
    throw refused(written, `it would be read as ${url.href}`);
  if (/%2e|%2f|%5c|%00/i.test(url.pathname)) throw refused(written, 'its path could be read in two ways');

  if (written.endsWith('?')) throw refused(written, 'its query is empty');

  const { host, origin, pathname, search } = url;
  if (pathname === '/' && search === '') {
    return { kind: 'host', text: origin, host, expression: `^${literal(origin)}/.+$`, specificity: 0 };
  }
  const segments = pathname.split('/').slice(1);
  if (search.includes('*') || segments.some((segment) => segment.includes('*') && !isWildcard(segment))) {
    throw refused(written, 'a wildcard stands for a whole segment of the path');
  }
  const path = segments
    .map((segment) => (isWildcard(segment) ? anySegment(segment) : literal(segment)))
    .join('/');
  const expression = `^${literal(origin)}/${path}${literal(search)}$`;
  if (!segments.some(isWildcard)) return { kind: 'url', text: written, host, expression, specificity: 2 };
  return { kind: 'template', text: written, host, expression, specificity: 1 };
}

/** What was written, if it can name one client by the URL of its metadata document. */
export function nameOfClient(written: string): string | undefined {
  try {
    return parsePattern(written).kind === 'url' ? written : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Returns the highest level that a pattern can give. A pattern that does not fix the first segment of the path names
 * no more than a host, and everybody who can publish there could be any client. Where each segment, or each
 * subdomain, may have another owner, only an exact URL names one client.
 */
export function highestTrust({ kind, text, host }: Pattern): TrustLevel {
  if (kind === 'url') return 'first_party';
  const [first = ''] = new URL(text).pathname.split('/').slice(1);
  const vague = kind === 'host' || isWildcard(first) || hasManyOwners(host);
  return vague ? 'untrusted' : 'first_party';
}

function isWildcard(segment: string): boolean {
  return WILDCARD.test(segment);
}

/** Returns the expression of a wildcard segment, without the names that it excludes. */
function anySegment(segment: string): string {
  const excluded = segment.split('!').slice(1).map(literal);
  return excluded.length === 0 ? SEGMENT : `(?!(?:${excluded.join('|')})(?:[/?#]|$))${SEGMENT}`;
}

function literal(text: string): string {
  return text.replace(/[^A-Za-z0-9]/g, (char) => `\\${char}`);
}

function refused(written: string, why: string): InvalidInput {
  return new InvalidInput(`"${written.slice(0, 200)}" names no client: ${why}; ${HOW}.`);
}
