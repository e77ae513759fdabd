import { plainText } from '../../kernel/plain-text.ts';

const MAX_NAME = 200;
const MAX_URI = 2048;

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '';
}

/** The non-empty strings of a list, each once; of anything else, none. A lone string counts as a list of one. */
export function strings(value: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  return [...new Set(list.filter(isText))];
}

/** A name for people, or `undefined`: cut to a length that fits a page, and free of what could make it look like other text. */
export function displayName(value: unknown): string | undefined {
  if (!isText(value)) return undefined;
  const clean = plainText(value, MAX_NAME);
  return clean === '' ? undefined : clean;
}

/** An absolute https URL (http too: it is only ever shown or linked), or `undefined`. */
export function webUri(value: unknown): string | undefined {
  if (!isText(value) || value.length > MAX_URI) return undefined;
  return /^https?:\/\/[\x21-\x7e]+$/i.test(value) && URL.canParse(value) ? value : undefined;
}
