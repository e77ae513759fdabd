import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { startTestWeb, type TestWeb } from '../../test/support/web.ts';
import { InvalidInput } from '../kernel/errors.ts';
import { createGuardedFetch } from '../platform/fetch/index.ts';

import { checkJwksUri } from './check-jwks-uri.ts';

const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const url = 'https://client.example/jwks';

let web: TestWeb;

beforeAll(async () => {
  web = await startTestWeb();
});
afterAll(() => web.stop());

const check = (answer: () => Response) => {
  web.publish(url, answer);
  return checkJwksUri(url, createGuardedFetch({ outbound: web.outbound }));
};

describe('checkJwksUri', () => {
  it('has nothing to say of a key set that is of use', async () => {
    const keys = [publicKey.export({ format: 'jwk' })];
    expect(await check(() => Response.json({ keys }))).toBeUndefined();
  });

  it('K5: refuses to register a client that publishes its private key', async () => {
    const keys = [privateKey.export({ format: 'jwk' })];
    await expect(check(() => Response.json({ keys }))).rejects.toThrow(/the key 1 of jwks is a private key/);
  });

  it('refuses what is no key set', async () => {
    await expect(check(() => Response.json({}))).rejects.toThrow(InvalidInput);
  });

  it('warns of what cannot be fetched, and says why', async () => {
    expect(await check(() => new Response('down', { status: 503 }))).toMatch(
      /could not be fetched.*status_503/,
    );
  });
});
