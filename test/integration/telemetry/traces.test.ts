import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { METADATA_DOCUMENTS } from '../../fixtures/clients/index.ts';
import { authorizeUrl, obtainCode, pkce } from '../../support/flow.ts';
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from '../../support/otlp-receiver.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { type Connected, connected, redeem, refresh, tokensOf } from '../../support/token-requests.ts';

const document = METADATA_DOCUMENTS['Claude Code'];
/** Of the web, one document is there. */
const web: typeof globalThis.fetch = async (input) =>
  String(input) === document.client_id
    ? new Response(JSON.stringify(document), { headers: { 'content-type': 'application/json' } })
    : new Response('nothing here', { status: 404 });

let collector: OtlpReceiver;
let server: TestServer;
let ada: Connected;
beforeAll(async () => {
  collector = await startOtlpReceiver();
  server = await startTestServer({ GATEHOUSE_TRACES_ENDPOINT: collector.endpoint }, { fetch: web });
  ada = await connected(server);
});
afterAll(async () => {
  await server.stop();
  await collector.close();
});

const hex = (bytes: number) => randomBytes(bytes).toString('hex');
const ofRequest = (response: { readonly headers: Headers }) => (span: ReceivedSpan) =>
  span.attributes['gatehouse.request_id'] === response.headers.get('x-request-id');

describe('a trace', () => {
  it('has the request by its route, and its statements below it by their prepared names', async () => {
    const code = await obtainCode(server, ada.agent, ada.clientId);
    const response = await redeem(server, ada.clientId, code);
    const spans = await collector.traceOf(ofRequest(response));

    const [request, ...others] = spans.filter(({ parentSpanId }) => parentSpanId === '');
    expect(others).toEqual([]);
    expect(request).toMatchObject({
      name: 'POST /token',
      failed: false,
      attributes: { 'http.request.method': 'POST', 'http.route': '/token', 'http.response.status_code': 200 },
    });
    const statements = spans.filter(({ parentSpanId }) => parentSpanId === request?.spanId);
    const names = statements.map(({ name }) => name).sort();
    // The keys are read again once a second.
    expect(names.filter((name) => name !== 'keys-published')).toEqual(['present-code', 'redeem-code']);
    expect(statements.every(({ attributes }) => attributes['db.system.name'] === 'postgresql')).toBe(true);
  });

  it('has the statements of a transaction too, by their first word', async () => {
    const page = await ada.agent.get(
      authorizeUrl(server, { client_id: ada.clientId, code_challenge: pkce().challenge, prompt: 'consent' }),
    );
    await ada.agent.submit(page, { decision: 'allow', scope: ['files:read'] });
    const spans = await collector.traceOf(({ name }) => name === 'POST /interaction/:uid');

    const names = spans.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['BEGIN', 'INSERT', 'COMMIT']));
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
  });

  it('has the fetch of a client metadata document', async () => {
    const page = await ada.agent.get(
      authorizeUrl(server, {
        client_id: document.client_id,
        redirect_uri: 'http://localhost:53111/callback',
        code_challenge: pkce().challenge,
      }),
    );
    expect(page.status).toBe(200);
    const spans = await collector.traceOf(({ name }) => name === 'fetch client document');

    expect(spans.find(({ parentSpanId }) => parentSpanId === '')?.name).toBe('GET /authorize');
  });

  it('goes on from the caller’s, where that says which', async () => {
    const [traceId, spanId] = [hex(16), hex(8)];
    const response = await fetch(`${server.issuer}/jwks`, {
      headers: { traceparent: `00-${traceId}-${spanId}-01` },
    });
    const spans = await collector.traceOf(ofRequest(response));
    expect(spans.filter(({ name }) => name === 'GET /jwks')).toEqual([
      expect.objectContaining({ traceId, parentSpanId: spanId }),
    ]);
  });

  it('is its own where what the caller says is malformed, and is not kept where the caller keeps none', async () => {
    const traceId = hex(16);
    const ask = (traceparent: string) => fetch(`${server.issuer}/jwks`, { headers: { traceparent } });
    const unkept = await ask(`00-${traceId}-${hex(8)}-00`);
    const malformed = await ask(`00-${traceId}-${hex(8)}-01-surplus`);

    const spans = await collector.traceOf(ofRequest(malformed));
    expect(spans.find(({ name }) => name === 'GET /jwks')).toMatchObject({ parentSpanId: '' });
    expect(spans[0]?.traceId).not.toBe(traceId);
    expect(collector.spans.some(ofRequest(unkept))).toBe(false);
  });

  it('G13: has no token, no query, no person and no address in it', async () => {
    const code = await obtainCode(server, ada.agent, ada.clientId, { state: 'state-that-nobody-keeps' });
    const { accessToken, refreshToken } = tokensOf(await redeem(server, ada.clientId, code));
    const last = await refresh(server, ada.clientId, refreshToken);
    await fetch(`${server.issuer}/${ada.person.email}?token=${refreshToken}`, {
      headers: { authorization: `Bearer ${accessToken}` },
    });
    await collector.traceOf(ofRequest(last));
    await collector.traceOf(({ name }) => name === 'GET other');

    const { person, clientId } = ada;
    const secrets = [
      accessToken,
      refreshToken,
      code.code,
      code.verifier,
      'state-that-nobody-keeps',
      '127.0.0.1',
    ];
    for (const secret of [...secrets, person.id, person.email, person.totpSecret, clientId]) {
      expect(collector.text()).not.toContain(secret);
    }
    expect(collector.text()).not.toMatch(/SELECT |\?|eyJ/);
  });
});

describe('without a collector', () => {
  it('everything is served as ever, and what is left is not waited for when the process stops', async () => {
    const closed = await startOtlpReceiver();
    await closed.close();
    const alone = await startTestServer({ GATEHOUSE_TRACES_ENDPOINT: closed.endpoint });
    expect((await fetch(`${alone.issuer}/jwks`)).status).toBe(200);

    const started = performance.now();
    await alone.stop();
    expect(performance.now() - started).toBeLessThan(12_000);
  });
});
