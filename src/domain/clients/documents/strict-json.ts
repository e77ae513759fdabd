/** Deeper than any document that means anything. */
const MAX_DEPTH = 32;

/** Why a text is not taken for JSON; words for the trail. */
export class JsonRefused extends Error {
  override readonly name = 'JsonRefused';
}

/**
 * Reads JSON that can be read in one way only (RFC 8259, RFC 7493 §2): UTF-8 without a byte order mark,
 * every name once in its object, and no name that an object of ours has of itself. Two readers of such a
 * text see the same; whoever vetted a document saw what we see.
 *
 * @throws JsonRefused
 */
export function parseStrictJson(bytes: Uint8Array): unknown {
  const text = decode(bytes);
  const value = parse(text);
  checkNames(text);
  return value;
}

function decode(bytes: Uint8Array): string {
  try {
    // A byte order mark stays in, and is no JSON.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new JsonRefused('the document is not UTF-8');
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new JsonRefused('the document is not JSON');
  }
}

/** A string, or what opens, parts or closes; everything else in a text that is JSON says nothing about names. */
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g;

/** Looks at the names of a text that is JSON. */
function checkNames(text: string): void {
  /** The objects and lists around; a list has no names. */
  const open: (Set<string> | undefined)[] = [];
  let last: string | undefined;
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === '{' || token === '[') {
      open.push(token === '{' ? new Set() : undefined);
      if (open.length > MAX_DEPTH) throw new JsonRefused(`the document is nested deeper than ${MAX_DEPTH}`);
    } else if (token === '}' || token === ']') open.pop();
    else if (token === ':') addName(open.at(-1), last);
    last = token;
  }
}

function addName(names: Set<string> | undefined, token: string | undefined): void {
  if (!names || token === undefined) return;
  // As it is read, not as it is written: an escape spells the same name.
  const name = token.includes('\\') ? (JSON.parse(token) as string) : token.slice(1, -1);
  if (name === '__proto__') throw new JsonRefused('the document has a member __proto__');
  if (names.has(name)) throw new JsonRefused('the document has a member twice');
  names.add(name);
}
