import type { Draft, Pairs } from './draft.ts';
import type { Random } from './random.ts';

/** A header of this name in an answer would be one that a request put there. */
export const INJECTED = 'x-injected';

const METHODS = ['GET', 'POST', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'PROPFIND', 'QUERY'];
const CONTENT_TYPES = [
  'application/json',
  'application/x-www-form-urlencoded',
  'application/x-www-form-urlencoded; charset=utf-7',
  'multipart/form-data; boundary=x',
  'text/plain',
  'application/json; charset="',
  ';',
  'application/xml',
  '*/*',
  'application/jwt',
];
/** Encoded for a query or a form. */
const ODD_VALUES = [
  '',
  '%00',
  'a%00b',
  '%0d%0aX-Injected:%201',
  '%0aX-Injected:%201',
  '%E2%80%AE%F0%9F%92%A9',
  '%F0%9F%92%A9'.repeat(40),
  'e%CC%81',
  '%ED%A0%80',
  '%C0%AF',
  '%FF%FE',
  '%',
  '%2',
  '%zz',
  '%25252e',
  '%u0041',
  '+',
  '%20',
  '-1',
  '0',
  '1e999',
  '99999999999999999999',
  'NaN',
  'null',
  'undefined',
  'true',
  '[]',
  '%7B%22a%22%3A1%7D',
  '__proto__',
  'constructor',
  'toString',
  '..%2f..%2fetc%2fpasswd',
  'https%3A%2F%2F127.0.0.1%2F',
  'javascript%3Aalert(1)',
  'http%3A%2F%2F%5B%3A%3A1',
  '%27%20OR%201%3D1--',
  '%7B%7B7*7%7D%7D',
  '%3Cscript%3E',
];
const ODD_NAMES = [
  '__proto__',
  'constructor',
  'a[]',
  'a[b]',
  '',
  '%00',
  'hasOwnProperty',
  '%',
  'request',
  'claims',
  'nonce',
  'max_age',
  'prompt',
  'response_mode',
  'id_token_hint',
  'client_assertion',
  'client_assertion_type',
  'client_secret',
  'request_uri',
  'ui_locales',
  'acr_values',
  'login_hint',
  'display',
  'registration',
  'dpop_jkt',
  'authorization_details',
];
const ODD_JSON: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1e308,
  '',
  'x'.repeat(3_000),
  '\u0000',
  '\ud800',
  '\u202e',
  [],
  [[]],
  {},
  { a: { b: { c: [] } } },
  ['http://127.0.0.1/callback', null],
  [1],
  { length: 1 },
  'javascript:alert(1)',
  ['data:,'],
  { toString: 1 },
];
/** What may stand in a header line without ending it. */
const ODD_HEADERS: Pairs = [
  ['Authorization', 'Basic'],
  ['Authorization', 'Basic !!!'],
  ['Authorization', `Basic ${Buffer.from('%00:%zz').toString('base64')}`],
  ['Authorization', `Basic ${Buffer.from('a:b:c').toString('base64')}`],
  ['Authorization', `Basic ${Buffer.from([0xff, 0xfe, 0x3a, 0x00]).toString('base64')}`],
  ['Authorization', 'Bearer a.b.c'],
  ['Authorization', 'DPoP x'],
  ['Cookie', 'gatehouse_session'],
  ['Cookie', '=;=;;;'],
  ['Cookie', `gatehouse_session=${'x'.repeat(4_000)}`],
  ['Cookie', 'gatehouse_session=%; interaction=%zz; __proto__=1'],
  ['Accept', ''],
  ['Accept', 'text/html;q=x, */*;q=9'],
  ['Accept', 'application/json'],
  ['Accept-Language', '%%%'],
  ['Accept-Encoding', 'gzip;q=0, *;q=0'],
  ['Content-Encoding', 'gzip'],
  ['Content-Encoding', 'br, gzip'],
  ['Expect', '100-continue'],
  ['Expect', 'miracles'],
  ['Origin', 'null'],
  ['Origin', 'https://evil.example'],
  ['Origin', 'not an origin'],
  ['Sec-Fetch-Site', 'cross-site'],
  ['Range', 'bytes=0-0,-1'],
  ['If-None-Match', '*, "", W/'],
  ['If-Modified-Since', 'never'],
  ['X-Forwarded-For', '127.0.0.1, ::1, %'],
  ['X-Forwarded-Host', 'evil.example'],
  ['X-Forwarded-Proto', 'gopher'],
  ['X-Request-Id', 'req_mine'],
  ['X-HTTP-Method-Override', 'DELETE'],
  ['Upgrade', 'h2c'],
  ['traceparent', '00-ffffffffffffffffffffffffffffffff-0000000000000000-ff'],
  ['DPoP', 'a.b.c'],
  ['X-Long', 'x'.repeat(20_000)],
  ['Access-Control-Request-Method', 'POST'],
];
/** What breaks the message itself. */
const WILD_HEADERS: Pairs = [
  ['Host', 'evil.example'],
  ['Host', ''],
  ['Host', 'a b'],
  ['Content-Length', '-1'],
  ['Content-Length', '1e3'],
  ['Transfer-Encoding', 'chunked, identity'],
  ['Transfer-Encoding', 'xchunked'],
  ['X-Nul', 'a\u0000b'],
  ['X-Split', 'a\r\nX-Injected: 1'],
  ['X-Bare', 'a\nX-Injected: 1'],
  ['Bad Name', '1'],
  ['', 'nothing'],
  ['X-Huge', 'x'.repeat(70_000)],
];

type Mutation = (draft: Draft, random: Random) => void;

/** Breaks a good request in one to three places; one in ten stays good. */
export function mutate(draft: Draft, random: Random): Draft {
  if (random.chance(0.1)) return draft;
  const times = 1 + random.int(3);
  for (let n = 0; n < times; n += 1) random.pick(MUTATIONS)(draft, random);
  return draft;
}

function pairsOf(draft: Draft): Pairs {
  return draft.body.kind === 'form' ? draft.body.fields : draft.query;
}

function at(pairs: Pairs, random: Random): number {
  return random.int(Math.max(1, pairs.length));
}

const changeValue: Mutation = (draft, random) => {
  const pairs = pairsOf(draft);
  const index = at(pairs, random);
  const name = pairs[index]?.[0] ?? random.pick(ODD_NAMES);
  pairs[index] = [name, random.pick(ODD_VALUES)];
};
const appendToValue: Mutation = (draft, random) => {
  const pairs = pairsOf(draft);
  const index = at(pairs, random);
  const [name, value] = pairs[index] ?? [random.pick(ODD_NAMES), ''];
  pairs[index] = [name, `${value}${random.pick(ODD_VALUES)}`];
};
const drop: Mutation = (draft, random) => {
  pairsOf(draft).splice(at(pairsOf(draft), random), 1);
};
const double: Mutation = (draft, random) => {
  const pairs = pairsOf(draft);
  const pair = pairs[at(pairs, random)];
  if (pair) pairs.push(random.chance(0.5) ? [pair[0], pair[1]] : [pair[0], random.pick(ODD_VALUES)]);
};
const addOdd: Mutation = (draft, random) => {
  pairsOf(draft).push([random.pick(ODD_NAMES), random.pick(ODD_VALUES)]);
};
const swell: Mutation = (draft, random) => {
  const pairs = pairsOf(draft);
  const index = at(pairs, random);
  pairs[index] = [
    pairs[index]?.[0] ?? 'state',
    random.pick(['x', '%F0%9F%92%A9', '%00', '%2e']).repeat(1 + random.int(5_000)),
  ];
};
const multiply: Mutation = (draft, random) => {
  const count = 1 + random.int(300);
  for (let n = 0; n < count; n += 1) pairsOf(draft).push([`p${n}`, 'v']);
};
const inQueryToo: Mutation = (draft) => {
  if (draft.body.kind === 'form')
    draft.query.push(...draft.body.fields.map(([a, b]): Pairs[number] => [a, b]));
};
const changeMethod: Mutation = (draft, random) => {
  draft.method = random.pick(METHODS);
};
const changePath: Mutation = (draft, random) => {
  const { path } = draft;
  draft.path = random.pick([
    `/${path}`,
    `${path}/`,
    `${path}//`,
    `${path}/..${path}`,
    `/.${path}`,
    `${path}%2f`,
    `${path}%00`,
    `${path};a=b`,
    path.toUpperCase(),
    path.replace(/[a-z]/, (letter) => `%${letter.charCodeAt(0).toString(16)}`),
    `${path}%zz`,
    `${path}/${random.pick(ODD_VALUES)}`,
    `${path}/${'a'.repeat(random.int(9_000))}`,
    `http://evil.example${path}`,
    `*`,
  ]);
  if (draft.path === '*' || draft.path.startsWith('http')) draft.wild = true;
};
const changeContentType: Mutation = (draft, random) => {
  draft.headers = draft.headers.filter(([name]) => name !== 'Content-Type');
  draft.headers.push(['Content-Type', random.pick(CONTENT_TYPES)]);
};
const oddHeader: Mutation = (draft, random) => {
  const [name, value] = random.pick(ODD_HEADERS);
  if (random.chance(0.7)) draft.headers = draft.headers.filter(([known]) => known !== name);
  draft.headers.push([name, value]);
};
const wildHeader: Mutation = (draft, random) => {
  draft.wild = true;
  draft.headers.push(random.pick(WILD_HEADERS));
};
const withoutHeaders: Mutation = (draft) => {
  draft.headers = [];
};
const oddBody: Mutation = (draft, random) => {
  draft.body = {
    kind: 'raw',
    text: random.pick([
      '',
      '{',
      '[',
      '"',
      'null',
      '{"a":1',
      '&&&===',
      '\u0000',
      '\ufeff{}',
      '['.repeat(5_000),
      '{"a":'.repeat(40),
      'a=1&'.repeat(500),
      'x'.repeat(100_000),
      '--x\r\n\r\n--x--',
    ]),
  };
};
const truncate: Mutation = (draft, random) => {
  if (draft.body.kind === 'none') draft.body = { kind: 'raw', text: random.chance(0.5) ? '' : 'a=b' };
  draft.incomplete = true;
};
const chunks: Mutation = (draft, random) => {
  draft.headers.push(['Transfer-Encoding', 'chunked']);
  draft.body = {
    kind: 'raw',
    text: random.pick([
      '0\r\n\r\n',
      '3\r\na=b\r\n0\r\n\r\n',
      'zz\r\n',
      '-1\r\n',
      'ffffffffffffffff\r\na',
      '3\r\na=b\r\n',
    ]),
  };
  draft.incomplete = true;
};
const changeJson: Mutation = (draft, random) => {
  if (draft.body.kind !== 'json') return changeValue(draft, random);
  draft.body.value = withOdd(draft.body.value, random);
};

/** The same with one part of it replaced, removed or doubled. */
function withOdd(value: unknown, random: Random): unknown {
  if (typeof value !== 'object' || value === null || random.chance(0.15)) return random.pick(ODD_JSON);
  if (Array.isArray(value)) {
    if (value.length === 0 || random.chance(0.3)) return [...value, random.pick(ODD_JSON)];
    const index = random.int(value.length);
    return value.map((item, position) => (position === index ? withOdd(item, random) : item));
  }
  const entries = Object.entries(value);
  const [name] = random.pick([...entries, ['__proto__', undefined] as const]);
  if (random.chance(0.2)) return Object.fromEntries(entries.filter(([known]) => known !== name));
  return Object.fromEntries([
    ...entries.filter(([known]) => known !== name),
    [name, withOdd(entries.find(([known]) => known === name)?.[1], random)],
  ]);
}

const MUTATIONS: readonly Mutation[] = [
  changeValue,
  changeValue,
  appendToValue,
  drop,
  double,
  addOdd,
  swell,
  multiply,
  inQueryToo,
  changeMethod,
  changePath,
  changeContentType,
  oddHeader,
  oddHeader,
  wildHeader,
  withoutHeaders,
  oddBody,
  truncate,
  chunks,
  changeJson,
  changeJson,
];
