import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { type ListeningApp, listenWith } from '../../../test/support/http-app.ts';

import { metadataRoutes } from './routes.ts';

let kids: readonly string[];
let away: boolean;
let app: ListeningApp;

beforeEach(async () => {
  kids = ['first'];
  away = false;
  const jwks = async () => {
    if (away) throw new Error('the store is away');
    return { keys: kids.map((kid) => ({ kid })) };
  };
  app = await listenWith(
    ({ issuer }) =>
      metadataRoutes({ issuer, jwksLifetime: 40, metadata: async () => ({ issuer }), jwks }).middleware,
  );
});
afterEach(() => app.close());

const published = async () => JSON.parse((await app.ask('/jwks')).text).keys.map(({ kid = '' }) => kid);

describe('the key set', () => {
  it('G8: is what the keys are at the moment, and no copy of it', async () => {
    expect(await published()).toEqual(['first']);
    kids = ['second'];
    expect(await published()).toEqual(['second']);
  });

  it('G7: may be kept for the JWKS lifetime, and the metadata for no longer', async () => {
    for (const path of ['/jwks', '/.well-known/openid-configuration']) {
      expect((await app.ask(path)).headers).toMatchObject({ 'cache-control': 'public, max-age=40' });
    }
  });

  it('G7: from before an outage of the store says how old it is, so that nobody keeps it any longer', async () => {
    expect((await app.ask('/jwks')).headers).not.toHaveProperty('age');
    away = true;
    await delay(1_050);
    const answer = await app.ask('/jwks');
    expect(JSON.parse(answer.text)).toEqual({ keys: [{ kid: 'first' }] });
    expect(answer.headers).toMatchObject({ age: '2', 'cache-control': 'public, max-age=40' });
    away = false;
    expect((await app.ask('/jwks')).headers).not.toHaveProperty('age');
  });
});
