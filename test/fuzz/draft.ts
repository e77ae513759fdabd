/** Names and values as they go over the wire: encoded already, or deliberately not. */
export type Pairs = [name: string, value: string][];

/** A request that can be taken apart, broken in one place, and put together again. */
export interface Draft {
  method: string;
  path: string;
  query: Pairs;
  headers: Pairs;
  body:
    | { readonly kind: 'none' }
    | { readonly kind: 'form'; readonly fields: Pairs }
    | { readonly kind: 'json'; value: unknown }
    | { readonly kind: 'raw'; readonly text: string };
  /** Ends before it says it does. Nobody has to answer it. */
  incomplete: boolean;
  /** Is perhaps no HTTP any more; cutting it off without a word is an answer. */
  wild: boolean;
}

/** The bytes of it. Headers that it has already are not added. */
export function bytesOf(draft: Draft, host: string): Buffer {
  const body = bodyOf(draft);
  const query = joined(draft.query);
  const headers: Pairs = [...draft.headers];
  const add = (name: string, value: string) => {
    if (!headers.some(([known]) => known.toLowerCase() === name.toLowerCase())) headers.push([name, value]);
  };
  add('Host', host);
  add('Connection', 'close');
  if (draft.body.kind === 'form') add('Content-Type', 'application/x-www-form-urlencoded');
  if (draft.body.kind === 'json') add('Content-Type', 'application/json');
  const chunked = headers.some(([name]) => name.toLowerCase() === 'transfer-encoding');
  if (draft.body.kind !== 'none' && !chunked) {
    add('Content-Length', String(Buffer.byteLength(body) + (draft.incomplete ? 10 : 0)));
  }
  const target = `${draft.path}${query === '' ? '' : `?${query}`}`;
  const head = [`${draft.method} ${target} HTTP/1.1`, ...headers.map(([name, value]) => `${name}: ${value}`)];
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`);
}

function bodyOf({ body }: Draft): string {
  switch (body.kind) {
    case 'none':
      return '';
    case 'form':
      return joined(body.fields);
    case 'json':
      return JSON.stringify(body.value) ?? '';
    case 'raw':
      return body.text;
  }
}

function joined(pairs: Pairs): string {
  return pairs.map(([name, value]) => `${name}=${value}`).join('&');
}
