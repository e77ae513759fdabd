import { type Answer, isReply, type Reply } from './probe.ts';

export type Json = Readonly<Record<string, unknown>>;

/** The body as one JSON object; `undefined` for anything else, whatever its type says. */
export function jsonOf(answer: Answer): Json | undefined {
  if (!isReply(answer)) return undefined;
  try {
    const value: unknown = JSON.parse(answer.text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A header as one string. */
export function header(answer: Answer, name: string): string | undefined {
  if (!isReply(answer)) return undefined;
  const value = answer.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

/** Where a redirect leads. */
export function locationOf(answer: Answer): URL | undefined {
  if (!isReply(answer) || answer.status < 300 || answer.status > 399) return undefined;
  const location = header(answer, 'location');
  return (location === undefined ? null : URL.parse(location, answer.url)) ?? undefined;
}

/**
 * Whether Gatehouse itself said this: each of its answers has an id of its own making. Without one,
 * something in front of it answered, or took the header away.
 */
export function isOurs(answer: Answer): boolean {
  return /^req_/.test(header(answer, 'x-request-id') ?? '');
}

/** RFC 6749 §5.2: what every refusal for a program looks like. */
export function isOAuthError(answer: Answer): boolean {
  return typeof jsonOf(answer)?.['error'] === 'string';
}

export function isHtml(answer: Answer): boolean {
  return /html/i.test(header(answer, 'content-type') ?? '') || /^\s*<(?:!doctype|html)/i.test(bodyOf(answer));
}

function bodyOf(answer: Answer): string {
  return isReply(answer) ? answer.text : '';
}

const SILENCES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there',
  ENOTFOUND: 'the name is not known to DNS',
  EAI_AGAIN: 'DNS does not answer',
  ECONNRESET: 'the connection was cut',
  EPROTO: 'it does not speak TLS',
  TIMEOUT: 'it did not answer within ten seconds',
  ABORT_ERR: 'it did not answer within ten seconds',
  EHOSTUNREACH: 'there is no way to that host',
  ENETUNREACH: 'there is no way to that network',
};

/** An answer in a few words: `403 with an HTML page`. */
export function describe(answer: Answer): string {
  if (!isReply(answer)) return `no answer (${SILENCES[answer.code] ?? answer.code})`;
  const { status } = answer;
  const location = locationOf(answer);
  if (location) return `${status} to ${location.origin}${location.pathname}`;
  const error = jsonOf(answer)?.['error'];
  if (typeof error === 'string') return `${status} ${plain(error)}`;
  if (jsonOf(answer)) return `${status} with JSON`;
  if (isHtml(answer)) return `${status} with an HTML page`;
  return answer.text === '' ? `${status} with nothing in it` : `${status} with neither JSON nor HTML`;
}

/** The text of a page, for what it says about an error. */
export function textOf({ text }: Reply): string {
  return text
    .replace(/<(script|style)\b[\s\S]*?<\/\1>/gi, ' ')
    .replace(/<[^<>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();
}

/** What a server says of itself is shown on a terminal: short, and visible ASCII. */
export function plain(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 200);
}

/** A member that lists strings. */
export function listed(document: Json | undefined, name: string): readonly string[] {
  const value = document?.[name];
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}

/** A member that is a string. */
export function told(document: Json | undefined, name: string): string | undefined {
  const value = document?.[name];
  return typeof value === 'string' ? value : undefined;
}
