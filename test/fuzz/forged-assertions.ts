const encoded = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** A JWS in compact form (RFC 7515 §7.1) of whatever parts. */
const jws = (header: unknown, payload: unknown, signature = 'AAAA') =>
  `${encoded(header)}.${encoded(payload)}.${signature}`;

/** Assertions about a client that nobody with its key made: odd in one part, and never to be believed. */
export function forgedAssertions(clientId: string): readonly string[] {
  const claims = { iss: clientId, sub: clientId, aud: 'https://auth.example', jti: 'x', exp: 4_000_000_000 };
  const header = { alg: 'ES256', kid: 'k1' };
  return [
    jws(header, claims),
    jws({ alg: 'none' }, claims, ''),
    jws({ alg: 'HS256' }, claims),
    jws({ alg: ['ES256'] }, claims),
    jws({ ...header, crit: ['b64'], b64: false }, claims),
    jws({ ...header, jku: 'http://127.0.0.1/', x5u: 'http://127.0.0.1/', jwk: { kty: 'EC' } }, claims),
    jws({ ...header, kid: { a: 1 } }, claims),
    jws({ ...header, kid: '\u0000'.repeat(300) }, claims),
    jws(header, { ...claims, exp: '1e999' }),
    jws(header, { ...claims, exp: -1, nbf: 4_000_000_000, iat: 'now' }),
    jws(header, { ...claims, aud: [{}, null, ['x']] }),
    jws(header, { ...claims, jti: 'j'.repeat(4_000) }),
    jws(header, { ...claims, iss: 'https://127.0.0.1/client.json', sub: 'https://127.0.0.1/client.json' }),
    jws(header, { ...claims, sub: 'cli_nobody' }),
    jws(header, { ...claims, sub: { toString: 1 }, iss: [clientId] }),
    jws(header, '['.repeat(500)),
    jws('{"alg":"ES256","alg":"none"}', '{"sub":"a","sub":"b"}'),
    jws(header, 'null'),
    '..',
    `${encoded(header)}.${encoded(claims)}`,
    `${encoded(header)}.${encoded(claims)}.AAAA.AAAA.AAAA`,
    '.'.repeat(200),
  ];
}
