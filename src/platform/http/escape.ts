const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&#34;',
  "'": '&#39;',
};

/**
 * Text for HTML, in an element or in a quoted attribute. Control characters, and characters that
 * turn the direction of text or are not seen, are left out: a client's name must look like what it is.
 */
export function escapeText(value: unknown): string {
  if (value === undefined || value === null) return '';
  return String(value)
    .replace(UNSEEN, '')
    .replace(/[&<>"']/g, (char) => ENTITIES[char] ?? '');
}

/** C0 and C1 without tab and newline, soft hyphen, zero width space, marks and overrides of direction, BOM. */
const UNSEEN = /[^\P{Cc}\t\n]|[\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]/gu;
