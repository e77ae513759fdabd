import Router from '@koa/router';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type ListeningApp, listenWith } from '../../../test/support/http-app.ts';
import { InvalidInput, NotFound } from '../../kernel/errors.ts';
import { StoreUnavailable } from '../database/errors.ts';
import { Throttled } from '../throttle/index.ts';

const SECRET = 'refresh-token-of-somebody';

const faults: Readonly<Record<string, () => unknown>> = {
  broken: () => new Error(`cannot use ${SECRET}`),
  thrown: () => SECRET,
  store: () => new StoreUnavailable(`connection to ${SECRET} lost`),
  driver: () => Object.assign(new Error(SECRET), { code: 'ECONNREFUSED', syscall: 'connect' }),
  throttled: () => new Throttled(17),
  missing: () => new NotFound(`nothing under ${SECRET}`),
  invalid: () => new InvalidInput(`not a URL: ${SECRET}`),
};

describe('errorBoundary', () => {
  let app: ListeningApp;
  beforeAll(async () => {
    app = await listenWith(() => {
      const router = new Router();
      router.post('/token', (ctx) => {
        ctx.body = { ok: true };
      });
      router.get('/fault/:name', async (ctx) => {
        ctx.set('ETag', '"stale"');
        throw faults[ctx.params['name'] ?? '']?.();
      });
      const routes = router.routes();
      const methods = router.allowedMethods();
      return (ctx, next) => methods(ctx as never, () => routes(ctx as never, next));
    });
  });
  afterAll(() => app.close());

  const asProgram = { headers: { Accept: 'application/json' } };
  const asPerson = { headers: { Accept: 'text/html,application/xhtml+xml,*/*;q=0.8' } };

  it.each([
    ['broken', 500, 'server_error'],
    ['thrown', 500, 'server_error'],
    ['store', 503, 'temporarily_unavailable'],
    ['driver', 503, 'temporarily_unavailable'],
    ['throttled', 429, 'slow_down'],
    ['missing', 404, 'not_found'],
    ['invalid', 400, 'invalid_request'],
  ])(
    'answers %s with %i %s, as JSON for a program and as a page for a person',
    async (name, status, error) => {
      const program = await app.ask(`/fault/${name}`, asProgram);
      const person = await app.ask(`/fault/${name}`, asPerson);

      expect(program.status).toBe(status);
      expect(JSON.parse(program.text)).toEqual({ error, error_description: expect.any(String) });
      expect(person.status).toBe(status);
      expect(person.headers['content-type']).toBe('text/html; charset=utf-8');
      expect(person.text).toContain(String(person.headers['x-request-id']));
      for (const answer of [program, person]) {
        expect(answer.headers['cache-control']).toBe('no-store');
        expect(answer.headers['etag']).toBeUndefined();
      }
    },
  );

  it.each(Object.keys(faults))('G13: says nothing outside of what the error %s knows', async (name) => {
    for (const how of [asProgram, asPerson]) {
      const answer = await app.ask(`/fault/${name}`, how);

      expect(answer.text).not.toContain(SECRET);
      expect(answer.text).not.toMatch(/node_modules|\.ts:\d/);
    }
  });

  it('says when to come back where waiting helps', async () => {
    expect((await app.ask('/fault/store', asProgram)).headers['retry-after']).toBe('2');
    expect((await app.ask('/fault/throttled', asProgram)).headers['retry-after']).toBe('17');
    expect((await app.ask('/fault/broken', asProgram)).headers['retry-after']).toBeUndefined();
  });

  it('logs our own faults with the request id', async () => {
    const { headers } = await app.ask('/fault/broken', asProgram);

    expect(
      app.log.find((line) => line['request_id'] === headers['x-request-id'] && line['level'] === 'error'),
    ).toMatchObject({
      status: 500,
      error: 'server_error',
      err: { type: 'Error' },
    });
  });

  it.each([
    '/register',
    '/revoke',
    '/introspect',
    '/jwks',
    '/.well-known/nope',
    '/.well-known/oauth-authorization-server/nope',
  ])('MCP 4: %s answers JSON also to a browser, when there is nothing', async (path) => {
    const answer = await app.ask(path, asPerson);

    expect(answer.status).toBe(404);
    expect(JSON.parse(answer.text)).toMatchObject({ error: 'not_found' });
  });

  it('MCP 40: a method that an endpoint does not take is 405 in JSON, with the ones that it does', async () => {
    const answer = await app.ask('/token', asPerson);

    expect(answer.status).toBe(405);
    expect(answer.headers['allow']).toBe('POST');
    expect(JSON.parse(answer.text)).toMatchObject({ error: 'invalid_request' });
  });

  it('shows a page where a person went astray, and does not repeat the address', async () => {
    const answer = await app.ask('/acount/%3Cscript%3E', asPerson);

    expect(answer.status).toBe(404);
    expect(answer.text).toContain('Page not found');
    expect(answer.text).not.toContain('acount');
  });

  it('survives a path that does not decode', async () => {
    expect((await app.ask('/account/%E0%A4%A', asPerson)).status).toBe(404);
    expect((await app.ask('/token/%E0%A4%A', asPerson)).status).toBe(404);
  });
});
