import { createHash, createHmac, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { parse } from 'node:querystring';
import pg from 'pg';

import { readBody, serve, settings } from './serve.ts';

/**
 * The hand-written floor: a refresh that rotates durably and signs, and does nothing else. One prepared
 * statement, no check of client, user, resource or scope, no record, no repetition of a lost answer.
 */
const { port, issuer, more } = settings();
const pool = new pg.Pool({ connectionString: more[0] ?? '', max: 10 });
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const header = encode({ alg: 'ES256', typ: 'at+jwt', kid: 'floor' });
const derivation = randomBytes(32);

await pool.query(`
  CREATE TABLE IF NOT EXISTS tokens (
    hash bytea PRIMARY KEY, subject text NOT NULL, client text NOT NULL, audience text NOT NULL, scope text NOT NULL,
    expires_at timestamptz NOT NULL, used_at timestamptz)`);

const ROTATE = {
  name: 'rotate',
  text: `
    WITH consumed AS (
      UPDATE tokens SET used_at = now() WHERE hash = $1 AND client = $3 AND used_at IS NULL AND expires_at > now()
      RETURNING subject, client, audience, scope
    ), made AS (
      INSERT INTO tokens (hash, subject, client, audience, scope, expires_at)
      SELECT $2, subject, client, audience, scope, now() + interval '14 days' FROM consumed
    ) SELECT * FROM consumed`,
};

serve(
  async (request, response) => {
    if (request.method !== 'POST') {
      response.writeHead(200).end();
      return;
    }
    const { refresh_token: token, client_id: client } = parse(await readBody(request));
    const successor = createHmac('sha256', derivation).update(String(token)).digest('base64url');
    const { rows } = await pool.query({ ...ROTATE, values: [hash(String(token)), hash(successor), client] });
    const row = rows[0];
    const body =
      row === undefined
        ? { error: 'invalid_grant' }
        : {
            access_token: jwt(row),
            token_type: 'Bearer',
            expires_in: 300,
            scope: row.scope,
            refresh_token: successor,
          };
    response
      .writeHead(row === undefined ? 400 : 200, {
        'Content-Type': 'application/json',
        'Cache-Control': 'no-store',
      })
      .end(JSON.stringify(body));
  },
  port,
  {
    refresh: {
      async make() {
        const tokens = Array.from({ length: 128 }, () => randomBytes(32).toString('base64url'));
        await pool.query(
          `INSERT INTO tokens (hash, subject, client, audience, scope, expires_at)
           SELECT h, 'usr_' || n, 'bench', 'https://files.example/mcp', 'files:read files:write', now() + interval '14 days'
           FROM unnest($1::bytea[]) WITH ORDINALITY AS given (h, n)`,
          [tokens.map(hash)],
        );
        return { kind: 'refresh', path: '/token', form: { client_id: 'bench' }, tokens };
      },
    },
  },
);

function hash(value: string): Buffer {
  return createHash('sha256').update(value).digest();
}

function jwt(row: Readonly<Record<string, string>>): string {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: issuer,
    sub: row['subject'],
    aud: row['audience'],
    client_id: row['client'],
    iat: now,
    exp: now + 300,
    jti: randomBytes(16).toString('base64url'),
    scope: row['scope'],
  };
  const input = `${header}.${encode(claims)}`;
  const signature = sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
