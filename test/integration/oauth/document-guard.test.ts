import { deflateSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { setRule } from '../../../src/domain/admission/index.ts';
import { createRegistrationToken } from '../../../src/domain/clients/index.ts';
import { DEFAULT_TENANT } from '../../../src/kernel/ids.ts';
import { writeChunks } from '../../../src/platform/images/chunks.ts';
import { type Agent, createAgent, type Page } from '../../support/agent.ts';
import { observe } from '../../support/audit.ts';
import { askFor, expectRefusedOnPage } from '../../support/authorization.ts';
import { addPerson, authorizeUrl, connect, pkce, post, signedIn } from '../../support/flow.ts';
import { addTestClient, cause, startTestServer, type TestServer } from '../../support/server.ts';
import { startTestWeb, type TestWeb } from '../../support/web.ts';

const CALLBACK = 'https://app.example/cb';

let web: TestWeb;
let server: TestServer;
let ada: Agent;

beforeAll(async () => {
  web = await startTestWeb();
  server = await startTestServer(
    {
      GATEHOUSE_METADATA_DOCUMENTS: 'open',
      GATEHOUSE_THROTTLE: 'on',
      GATEHOUSE_THROTTLE_DOCUMENT_NETWORK: '1000',
      GATEHOUSE_THROTTLE_DOCUMENT_HOST: '10',
      GATEHOUSE_THROTTLE_AUTHORIZATION_NETWORK: '10000',
    },
    { outbound: web.outbound },
  );
  ada = createAgent({ follow: false });
  await signedIn(server, ada, await addPerson(server));
});
afterAll(async () => {
  await server.stop();
  await web.stop();
});
beforeEach(() => {
  web.asked.length = 0;
  web.dialled.length = 0;
});
afterEach(() => expect(web.strays()).toBe(0));

let published = 0;
function publish(more: Readonly<Record<string, unknown>> = {}): string {
  published += 1;
  const id = `https://app${published}.example/client.json`;
  web.publish(id, () =>
    Response.json({ client_id: id, client_name: 'Some App', redirect_uris: [CALLBACK], ...more }),
  );
  return id;
}
const requestFor = (clientId: string, more: Readonly<Record<string, string>> = {}) =>
  authorizeUrl(server, {
    client_id: clientId,
    redirect_uri: CALLBACK,
    code_challenge: pkce().challenge,
    ...more,
  });
const ask = (clientId: string): Promise<Page> => ada.get(requestFor(clientId));
async function consentFor(clientId: string): Promise<Page> {
  return ada.get((await ask(clientId)).location ?? '');
}

describe('a document that is not one', () => {
  beforeAll(() => {
    web.publish(
      'https://open.example/',
      () => new Response('<html>', { headers: { 'content-type': 'text/html' } }),
    );
    web.publish('https://wrong.example/c', () => Response.json({ client_id: 'https://other.example/c' }));
    web.name('inside.example', () => [{ address: '10.0.0.5', family: 4 }]);
    web.name('metadata.example', () => [{ address: '169.254.169.254', family: 4 }]);
    web.name('loopback6.example', () => [{ address: '::1', family: 6 }]);
    web.name('mixed.example', () => [
      { address: '93.184.215.14', family: 4 },
      { address: '127.0.0.1', family: 4 },
    ]);
    web.name('closed.example', () => [{ address: '93.184.215.17', family: 4 }]);
    web.route('93.184.215.17', () => Promise.reject(new Error('refused')));
    web.name('dead.example', () => [{ address: '93.184.215.18', family: 4 }]);
    web.route('93.184.215.18', () => new Promise(() => {}));
    web.name('nobody.example', () => Promise.reject(new Error('ENOTFOUND')));
    web.serve('https://drip.example/c', (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const drip = setInterval(() => response.write(' '), 50);
      response.once('close', () => clearInterval(drip));
    });
  });

  const targets = [
    ['open', 'https://open.example/c'],
    ['open, and of another client', 'https://wrong.example/c'],
    ['closed', 'https://closed.example/c'],
    ['dead', 'https://dead.example/c'],
    ['slow', 'https://drip.example/c'],
    ['private', 'https://inside.example/c'],
    ['where a cloud keeps its secrets', 'https://metadata.example/c'],
    ['this machine', 'https://loopback6.example/c'],
    ['public and private', 'https://mixed.example/c'],
    ['nowhere', 'https://nobody.example/c'],
    ['an address', 'https://127.0.0.1/c'],
    ['a name nearby', 'https://db.internal/c'],
    ['a port of another service', 'https://open.example:25/c'],
  ] as const;

  it('K11: is refused in the same words at the same time, whatever is at the other end', async () => {
    const answers = await Promise.all(
      targets.map(async ([, url]) => {
        const began = performance.now();
        const page = await createAgent({ follow: false }).get(requestFor(url));
        // Whoever asks knows the address.
        const html = page.html.replaceAll(url, 'the address');
        return { took: performance.now() - began, status: page.status, html };
      }),
    );
    const words = answers.map(({ status, html }) => `${status} ${html.replace(/req_[\w-]+/g, 'req')}`);
    expect(new Set(words).size).toBe(1);
    expect(words[0]).toContain('This program could not be identified');
    // None is told before its time: what is left is how long a page takes.
    for (const { took } of answers) expect(took).toBeGreaterThan(990);
  });

  it('K11: says in its record, and nowhere else, what it was', async () => {
    await server.database.pool.query('DELETE FROM web_copies');
    for (const [url, why] of [
      ['https://inside.example/c', 'cannot be used: address_forbidden'],
      ['https://closed.example/c', 'cannot be used: not_reachable'],
      ['https://127.0.0.1/c', 'cannot be used: url_host'],
      [
        'https://wrong.example/c',
        'cannot be used: client_id in the document is not its URL, character by character',
      ],
    ] as const) {
      const refused = await askFor(server, ada, url);
      expectRefusedOnPage(refused, { reason: 'client_document' });
      expect(refused.records[0]?.detail).toEqual({ why });
      expect(refused.value.html).not.toContain(why);
      expect(refused.clients).toBe(0);
    }
  });
});

describe('the fetches that somebody can cause', () => {
  it('K10: are few at one host, and for clients that are known they need no leave', async () => {
    const known = 'https://busy.example/known.json';
    web.publish(known, () =>
      Response.json({ client_id: known, client_name: 'Known', redirect_uris: [CALLBACK] }),
    );
    expect((await ask(known)).status).toBe(303);
    const others = await Promise.all(
      Array.from({ length: 20 }, (_, at) => ask(`https://busy.example/${at}.json`)),
    );
    const limited = others.filter(({ status }) => status === 429);
    expect(limited).toHaveLength(11);
    expect(limited[0]?.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
    expect(web.asked.filter(({ url }) => url.startsWith('https://busy.example/'))).toHaveLength(10);

    await server.database.pool.query('UPDATE web_copies SET fresh_until = now() WHERE url = $1', [known]);
    expect((await ask(known)).status).toBe(303);
    const { value: page, records } = await observe(server, () => ask('https://busy.example/more.json'));
    expect(page.status).toBe(429);
    expect(page.html).toContain('too many programs');
    const refused = records.filter(({ outcome }) => outcome === 'refused');
    expect(refused).toMatchObject([{ event: 'request.throttled', reason: 'client_documents' }]);
  });

  it('K10: are few for one network', async () => {
    const strict = await startTestServer(
      {
        GATEHOUSE_METADATA_DOCUMENTS: 'open',
        GATEHOUSE_THROTTLE: 'on',
        GATEHOUSE_THROTTLE_DOCUMENT_NETWORK: '5',
      },
      { outbound: web.outbound },
    );
    const answers = await Promise.all(
      Array.from({ length: 25 }, async (_, at) => {
        const clientId = `https://many${at}.example/c`;
        const url = authorizeUrl(strict, { client_id: clientId, code_challenge: pkce().challenge });
        return (await fetch(url, { redirect: 'manual' })).status;
      }),
    );
    expect(answers.filter((status) => status === 429)).toHaveLength(20);
    expect(web.asked).toHaveLength(5);
    await strict.stop();
  });

  it('K10: a hundred hostile ones at once keep nobody waiting who has nothing to do with them', async () => {
    const patient = await startTestServer(
      { GATEHOUSE_METADATA_DOCUMENTS: 'open', GATEHOUSE_FETCH_TIMEOUT: '5' },
      { outbound: web.outbound },
    );
    const hostile = Array.from({ length: 100 }, (_, at) => `https://hostile${at}.example/c`);
    for (const [at, url] of hostile.entries()) {
      web.serve(url, (_request, response) => {
        // Each in its own way: silent, slow, endless, or cut off.
        if (at % 4 === 0) return;
        response.writeHead(200, { 'content-type': 'application/json' });
        if (at % 4 === 1) response.write(' '.repeat(1000));
        else if (at % 4 === 2) response.end(' '.repeat(500_000));
        else response.destroy();
      });
    }
    const { clientId } = await addTestClient(patient);
    const agent = createAgent();
    await signedIn(patient, agent, await addPerson(patient));
    const known = publish();
    const at = (client: string) =>
      authorizeUrl(patient, { client_id: client, redirect_uri: CALLBACK, code_challenge: pkce().challenge });
    const status = async (client: string) => (await fetch(at(client), { redirect: 'manual' })).status;
    expect(await status(known)).toBe(303);

    const order: string[] = [];
    const attacks = hostile.map(async (url) => {
      const answered = await status(url);
      order.push('hostile');
      return answered;
    });
    const tokens = await connect(patient, agent, clientId);
    const refreshed = await post(patient, '/token', {
      grant_type: 'refresh_token',
      client_id: clientId,
      refresh_token: tokens.refresh_token ?? '',
    });
    expect(refreshed.status).toBe(200);
    expect(await status(known)).toBe(303);
    order.push('others');
    expect(new Set(await Promise.all(attacks))).toEqual(new Set([400]));
    expect(order[0]).toBe('others');
    await patient.stop();
  });
});

/** Two red pixels. */
const PNG = (() => {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(2, 0);
  header.writeUInt32BE(1, 4);
  header.set([8, 2, 0, 0, 0], 8);
  return writeChunks([
    { type: 'IHDR', data: header },
    { type: 'tEXt', data: Buffer.from('Comment\0<script>alert(1)</script>') },
    { type: 'IDAT', data: deflateSync(Buffer.from([0, 255, 0, 0, 255, 0, 0])) },
    { type: 'IEND', data: Buffer.alloc(0) },
  ]);
})();
const image = (bytes: Uint8Array<ArrayBuffer> | string, type = 'image/png') =>
  new Response(bytes, { headers: { 'content-type': type } });

describe('the logo of a client', () => {
  /** Once it was looked for: a page may come before it. */
  async function pageWithLogo(clientId: string): Promise<Page> {
    await setRule(
      server.database.prisma,
      { tenantId: DEFAULT_TENANT, pattern: clientId, trust: 'known' },
      cause,
    );
    await consentFor(clientId);
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    return consentFor(clientId);
  }

  it('K6: is served by us, as pixels and nothing else, and the browser is sent nowhere', async () => {
    const logo = 'https://cdn.example/logo.png?user=ada';
    web.publish(logo, () => image(new Uint8Array(PNG)));
    const page = await pageWithLogo(publish({ logo_uri: logo, client_uri: 'https://app.example/' }));
    const [, path = ''] = /<img class="logo" src="(\/logos\/[0-9a-f]{64}\.png)"/.exec(page.html) ?? [];
    expect(path).not.toBe('');
    for (const [, address = ''] of page.html.matchAll(/(?:src|<link[^>]*href|action)="([^"]*)"/g))
      expect(address).toMatch(/^(?:\/(?!\/)|#)/);

    const served = await fetch(`${server.issuer}${path}`);
    expect(served.status).toBe(200);
    expect(Object.fromEntries(served.headers)).toMatchObject({
      'content-type': 'image/png',
      'x-content-type-options': 'nosniff',
      'cache-control': 'public, max-age=31536000, immutable',
      'cross-origin-resource-policy': 'same-origin',
    });
    const bytes = Buffer.from(await served.arrayBuffer());
    expect(bytes.subarray(1, 4).toString()).toBe('PNG');
    expect(bytes.includes('script')).toBe(false);
    expect(web.asked.filter(({ url }) => url === logo)).toHaveLength(1);
    expect(page.headers.get('content-security-policy')).toContain("img-src 'self'");
  });

  it.each([
    [
      'an SVG with a script',
      image('<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>', 'image/svg+xml'),
    ],
    ['an SVG that says it is a PNG', image('<svg xmlns="http://www.w3.org/2000/svg"/>')],
    ['50 MB', image(new Uint8Array(50_000_000))],
    ['a page', image('<html>', 'text/html')],
  ])('K6: is not shown when it is %s', async (_what, response) => {
    const logo = `https://cdn.example/${published}`;
    web.publish(logo, () => response);
    const page = await pageWithLogo(publish({ logo_uri: logo }));
    expect(page.form?.step).toBe('consent');
    expect(page.html).not.toContain('<img class="logo"');
    expect(page.html).not.toContain('cdn.example');
  });

  it('SEC-L12: the consent page fetches no logo when a client is untrusted or registered with a token', async () => {
    const logo = 'https://cdn.example/unvouched.png';
    web.publish(logo, () => image(new Uint8Array(PNG)));
    const { token } = await createRegistrationToken(
      server.database.prisma,
      { tenantId: DEFAULT_TENANT, trust: 'known', uses: 1, lifetime: 60 },
      cause,
    );
    const registered = await Promise.all(
      [{}, { authorization: `Bearer ${token}` }].map(async (headers) => {
        const response = await fetch(`${server.issuer}/register`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...headers },
          body: JSON.stringify({ client_name: 'Claude', redirect_uris: [CALLBACK], logo_uri: logo }),
        });
        return ((await response.json()) as { client_id: string }).client_id;
      }),
    );
    const control = 'https://cdn.example/control.png';
    web.publish(control, () => image(new Uint8Array(PNG)));
    for (const clientId of [...registered, publish({ logo_uri: logo })]) {
      const page = await consentFor(clientId);
      expect(page.form?.step).toBe('consent');
      expect(page.html).not.toContain('<img class="logo"');
    }
    // That of a known client, asked for later, has been fetched by now.
    await pageWithLogo(publish({ logo_uri: control }));
    const asked = web.asked.map(({ url }) => url);
    expect([asked.includes(control), asked.includes(logo)]).toEqual([true, false]);
  });

  it('K6, MCP 51: is not looked for nearby', async () => {
    web.name('printer.example', () => [{ address: '192.168.1.9', family: 4 }]);
    const page = await pageWithLogo(publish({ logo_uri: 'https://printer.example/logo.png' }));
    expect(page.html).not.toContain('<img class="logo"');
    expect(web.dialled.every(({ address }) => address === '93.184.215.14')).toBe(true);
  });

  it.each(['/logos/x.png', `/logos/${'0'.repeat(64)}.png`, `/logos/${'0'.repeat(64)}.svg`, '/logos/'])(
    'K6: is not to be had at %s',
    async (path) => expect((await fetch(`${server.issuer}${path}`)).status).toBe(404),
  );
});

describe('the keys of a client', () => {
  it('K4, MCP 51: are not looked for nearby', async () => {
    web.name('vault.example', () => [{ address: '10.1.1.1', family: 4 }]);
    const clientId = publish({
      token_endpoint_auth_method: 'private_key_jwt',
      jwks_uri: 'https://vault.example/keys',
    });
    const agent = createAgent();
    await signedIn(server, agent, await addPerson(server));
    const page = await agent.get(requestFor(clientId));
    const answer = await agent.submit(page, { decision: 'allow', scope: ['files:read'] });
    const code = new URL(answer.location ?? '').searchParams.get('code') ?? '';
    const jwt = [{ alg: 'ES256' }, { iss: clientId, sub: clientId }]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');
    const { status } = await post(server, '/token', {
      grant_type: 'authorization_code',
      code,
      code_verifier: 'a'.repeat(43),
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: `${jwt}.${'A'.repeat(86)}`,
    });
    expect(status).toBe(401);
    expect(web.dialled.every(({ address }) => address === '93.184.215.14')).toBe(true);
  });
});
