import { hash } from 'node:crypto';

/** Identifiers that Gatehouse itself gives to what authenticates as a client: a prefix and 128 bits in base64url. */
const OWN_ID = /^(?:cli|res|svc|agt)_[\w-]{22}$/;
/** What this function returns for other values, so that a recorded value can be searched for. */
const RECORDED_HASH = /^sha256:[\w-]{22}$/;
const MAX_URL_LENGTH = 512;
const HASH_LENGTH = 22;

/**
 * Returns what may be recorded of a value that was sent as a client identifier: the value itself when it has the
 * exact form of one, else its hash.
 *
 * A value of another form may be a secret that was put in the wrong place, or carry one behind a known prefix. A
 * URL counts only in its parsed spelling, without user information, query and fragment.
 */
export function recordableClientId(value: string): string {
  if (OWN_ID.test(value) || RECORDED_HASH.test(value) || isPlainUrl(value)) return value;
  return `sha256:${hash('sha256', value, 'base64url').slice(0, HASH_LENGTH)}`;
}

function isPlainUrl(value: string): boolean {
  if (value.length > MAX_URL_LENGTH || !/^https?:\/\/[\x21-\x7e]+$/.test(value)) return false;
  const url = URL.parse(value);
  return url !== null && url.href === value && !/[?#@]/.test(value);
}
