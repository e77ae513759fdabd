import type { PublicKeyCredentialCreationOptionsJSON } from '@simplewebauthn/server';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { enableCatalogued } from '../../../src/domain/admission/index.ts';
import { addResource } from '../../../src/domain/resources/index.ts';
import { rolesOf } from '../../../src/domain/tenants/index.ts';
import { DEFAULT_TENANT } from '../../../src/kernel/ids.ts';

import { createAuthenticator } from '../../support/authenticator.ts';
import { type Harness, PASSWORD, signIn, startSignIn, type Visitor, whoAmI } from './harness.ts';

let harness: Harness;
beforeEach(async () => {
  harness = await startSignIn();
});
afterEach(() => harness.stop());

const newLink = async () => (await harness.installation.setup.createLink(harness.cause)).url;

/** The first step, from the link to the choice of credentials. */
async function identify(browser: Visitor, url: string, email = 'ada@example.com') {
  const identity = await browser.open(url);
  return browser.submit(identity, { name: 'Ada Lovelace', email });
}

const secretOf = (html: string) => /class="secret">([A-Z2-7 ]+)</.exec(html)?.[1]?.replaceAll(' ', '') ?? '';

describe('/setup', () => {
  describe('the last step', () => {
    const STALE = 'http://localhost:4001/mcp';
    const RUNNING = 'http://localhost:4701/mcp';
    /** Set-up to its end, where both are registered, the stale one first. */
    const done = async (env: Readonly<Record<string, string>>, before = async (_: Harness) => {}) => {
      const here = await startSignIn(env);
      try {
        for (const identifier of [STALE, RUNNING]) {
          const scopes = [{ scope: 'files:read', description: 'Read your files', destructive: false }];
          await addResource(
            here.database.prisma,
            { tenantId: DEFAULT_TENANT, identifier, name: 'Team Files', scopes },
            here.cause,
          );
        }
        await before(here);
        const browser = here.browser();
        const identity = await browser.open((await here.installation.setup.createLink(here.cause)).url);
        const factor = await browser.submit(identity, { name: 'Ada', email: 'ada@example.com' });
        const secret = secretOf(factor.html);
        return (await browser.submit(factor, { password: PASSWORD, code: here.code(secret) })).html;
      } finally {
        await here.stop();
      }
    };
    const EXAMPLE = { GATEHOUSE_EXAMPLE_LISTEN: '127.0.0.1:4701', GATEHOUSE_EXAMPLE_RESOURCE: RUNNING };

    it('NEW-11: names the example where it runs now, and not where it ran before', async () => {
      const html = await done(EXAMPLE);
      expect(html).toContain(`claude mcp add --transport http team-files ${RUNNING}`);
      expect(html).not.toContain(STALE);
    });

    it('NEW-11: shows the line of a client that is let in, and of none where none is', async () => {
      const closed = { ...EXAMPLE, GATEHOUSE_METADATA_DOCUMENTS: 'allowlist' };
      const none = await done(closed);
      expect(none).not.toContain('mcp add');
      expect(none).toContain('npm run -s gatehouse -- client catalogue list');

      const codex = await done(closed, async ({ database, cause }) => {
        await enableCatalogued(database.prisma, 'codex', { tenantId: DEFAULT_TENANT }, cause);
      });
      expect(codex).toContain(`codex mcp add team-files --url ${RUNNING}`);
      expect(codex).not.toContain('claude mcp add');
    });
  });

  it('makes the first administrator with a password and a code, signed in, and shows what to paste', async () => {
    await addResource(
      harness.database.prisma,
      {
        tenantId: DEFAULT_TENANT,
        identifier: 'https://files.example/mcp',
        name: 'Team Files',
        scopes: [{ scope: 'files:read', description: 'Read your files', destructive: false }],
      },
      harness.cause,
    );
    const browser = harness.browser();
    const identity = await browser.open(await newLink());
    expect(identity.url).toBe(`${harness.issuer}/setup`);
    expect(identity.form?.step).toBe('identity');

    const factor = await browser.submit(identity, { name: 'Ada Lovelace', email: 'Ada@Example.com' });
    expect(factor.url).toBe(`${harness.issuer}/setup/factor`);
    const secret = secretOf(factor.html);
    const done = await browser.submit(factor, { password: PASSWORD, code: harness.code(secret) });

    expect(done.url).toBe(`${harness.issuer}/setup/done`);
    expect(done.html).toContain('claude mcp add --transport http team-files https://files.example/mcp');
    const ada = await whoAmI(browser);
    expect(ada).toMatchObject({ email: 'ada@example.com' });
    expect(await rolesOf(harness.database.prisma, ada?.id ?? '', DEFAULT_TENANT)).toEqual([
      'admin',
      'member',
    ]);

    harness.advance(30);
    const elsewhere = harness.browser();
    await signIn(elsewhere, { email: 'ada@example.com', password: PASSWORD, code: harness.code(secret) });
    expect(await whoAmI(elsewhere)).toMatchObject({ email: 'ada@example.com' });
  });

  it('makes the first administrator with a passkey, who signs in with it again', async () => {
    const browser = harness.browser();
    const authenticator = createAuthenticator({ origin: harness.issuer });
    const factor = await identify(browser, await newLink());
    const options = await browser.postJson(factor, '/setup/passkey/options', {});
    const response = authenticator.register(
      JSON.parse(options.html) as PublicKeyCredentialCreationOptionsJSON,
    );
    const answer = await browser.postJson(factor, '/setup/passkey', { response });

    expect(JSON.parse(answer.html)).toEqual({ location: '/setup/done' });
    const ada = await whoAmI(browser);
    expect(ada).toMatchObject({ email: 'ada@example.com' });

    const elsewhere = harness.browser();
    const page = await elsewhere.open('/sign-in');
    const request = await elsewhere.postJson(page, '/sign-in/passkey/options', {});
    const assertion = authenticator.authenticate(JSON.parse(request.html));
    expect((await elsewhere.postJson(page, '/sign-in/passkey', { response: assertion })).status).toBe(200);
    expect(await whoAmI(elsewhere)).toMatchObject({ id: ada?.id });
  });

  it('says what will not do, field by field, and keeps the seed meanwhile', async () => {
    const browser = harness.browser();
    const identity = await browser.open(await newLink());
    const bad = await browser.submit(identity, { name: 'Ada', email: 'not an address' });
    expect(bad.status).toBe(400);
    expect(bad.html).toContain('That is not an e-mail address.');

    const factor = await browser.submit(bad, { name: 'Ada', email: 'ada@example.com' });
    const secret = secretOf(factor.html);
    const short = await browser.submit(factor, { password: 'short', code: harness.code(secret) });
    expect(short.html).toContain('at least 12');
    const wrong = await browser.submit(short, { password: PASSWORD, code: 'abcdef' });
    expect(wrong.html).toContain('The code is not right.');
    expect(secretOf(wrong.html)).toBe(secret);
    expect(await whoAmI(browser)).toBeUndefined();
  });

  it('N10: the token leaves the address at once, and no page repeats it', async () => {
    const url = await newLink();
    const token = new URL(url).searchParams.get('token') ?? '';
    const factor = await identify(harness.browser(), url);

    expect(token).toHaveLength(43);
    expect(factor.url).not.toContain(token);
    expect(factor.html).not.toContain(token);
    const rows = await harness.database.prisma.oneTimeLink.findMany();
    expect(JSON.stringify(rows)).not.toContain(token);
  });

  it('N10: wrong, expired and spent links, and every page afterwards, are the same 404', async () => {
    const strip = (html: string) => html.replace(/req_[\w-]+/g, 'REQUEST');
    const wrong = await harness.browser().open('/setup?token=AAAA');
    expect(wrong.status).toBe(404);
    const answers = [strip(wrong.html)];
    const collect = async (path: string, browser = harness.browser()) => {
      const page = await browser.open(path);
      expect(page.status).toBe(404);
      answers.push(strip(page.html));
    };

    const late = await newLink();
    await harness.database.prisma.$executeRaw`UPDATE one_time_links SET expires_at = now()`;
    await collect(late);

    const url = await newLink();
    const unused = await newLink();
    const browser = harness.browser();
    const factor = await identify(browser, url);
    await browser.submit(factor, { password: PASSWORD, code: harness.code(secretOf(factor.html)) });
    await collect(url);
    await collect(unused);
    await collect('/setup');
    await collect('/setup', browser);
    await collect('/setup/factor', browser);

    expect(new Set(answers).size).toBe(1);
    const reasons = (await harness.audit('setup.rejected')).map(({ reason }) => reason);
    expect(new Set(reasons)).toEqual(new Set(['link_unknown', 'link_expired', 'administrator_exists']));
  });

  it('N10: of several links completed at the same time, one makes an administrator', async () => {
    const { setup } = harness.installation;
    const runners = await Promise.all(
      [1, 2, 3, 4, 5, 6].map(async (number) => {
        const token = new URL(await newLink()).searchParams.get('token') ?? '';
        await setup.open(token, harness.origin);
        await setup.identify(token, { name: `Admin ${number}`, email: `admin${number}@example.com` });
        const options = (await setup.passkeyOptions(token)) as PublicKeyCredentialCreationOptionsJSON;
        return { token, response: createAuthenticator({ origin: harness.issuer }).register(options) };
      }),
    );

    const results = await Promise.allSettled(
      [...runners, ...runners].map(({ token, response }) =>
        setup.completeWithPasskey(token, response, { origin: harness.origin }),
      ),
    );

    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await harness.database.prisma.user.count()).toBe(1);
    expect(await harness.audit('setup.completed')).toHaveLength(1);
    expect(await setup.needed()).toBe(false);
  });

  it('N10: a disabled last administrator does not open it again', async () => {
    const { setup, users } = harness.installation;
    const { id } = await users.add(
      { tenant: DEFAULT_TENANT, email: 'a@example.com', name: 'A', role: 'admin' },
      harness.cause,
    );
    await users.disable(id, harness.cause, { force: true });

    expect(await setup.needed()).toBe(false);
    await expect(setup.createLink(harness.cause)).rejects.toMatchObject({ code: 'invalid_input' });
  });

  it('can be opened again after a reload or a break', async () => {
    const url = await newLink();
    await identify(harness.browser(), url);
    await harness.database.prisma.$executeRaw`UPDATE sign_in_attempts SET expires_at = now()`;
    const browser = harness.browser();
    const factor = await identify(browser, url, 'again@example.com');

    await browser.submit(factor, { password: PASSWORD, code: harness.code(secretOf(factor.html)) });
    expect(await whoAmI(browser)).toMatchObject({ email: 'again@example.com' });
  });
});
