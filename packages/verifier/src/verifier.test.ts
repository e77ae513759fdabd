import { createHmac } from 'node:crypto';

import { base64url, CompactSign, exportSPKI, importJWK, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createKey, type SigningKey, startIssuer, type TestIssuer } from '../test/issuer.ts';

import { TokenError, type TokenErrorCode } from './token-error.ts';
import { createVerifier, type VerifierOptions } from './verifier.ts';

const resource = 'https://files.example/mcp';
const now = () => Math.floor(Date.now() / 1000);
let issuer: TestIssuer;
let stranger: SigningKey;

beforeAll(async () => {
  issuer = await startIssuer({ resource });
  stranger = await createKey('ES256', issuer.key.kid);
});
afterAll(() => issuer.close());

const verifierWith = (options: Partial<VerifierOptions> = {}) =>
  createVerifier({ issuer: issuer.issuer, resource, ...options });

async function codeOf(
  token: string,
  options?: Partial<VerifierOptions>,
): Promise<TokenErrorCode | 'accepted'> {
  try {
    await verifierWith(options).verify(token);
    return 'accepted';
  } catch (error) {
    if (error instanceof TokenError) return error.code;
    throw error;
  }
}

describe('an accepted token', () => {
  it('comes back as one typed object with everything that was signed', async () => {
    const token = await issuer.token({
      scope: 'files:read files:write files:read',
      sub_type: 'user',
      auth_time: 1_700_000_000,
      acr: 'urn:gatehouse:two-factor',
      amr: ['pop', 'user'],
      tenant: 'ten_default',
      grant_id: 'grt_1',
      client_trust: 'known',
      act: { sub: 'agt_sales', sub_type: 'agent', act: { sub: 'svc_batch', sub_type: 'service' } },
      authorization_details: [{ type: 'payment', limit: 10 }],
    });
    const verified = await verifierWith().verify(token);
    expect(verified).toMatchObject({
      issuer: issuer.issuer,
      audience: resource,
      subject: 'usr_ana',
      subjectType: 'user',
      clientId: 'cli_code',
      scopes: ['files:read', 'files:write'],
      actors: [
        { subject: 'agt_sales', type: 'agent' },
        { subject: 'svc_batch', type: 'service' },
      ],
      authentication: { time: 1_700_000_000, acr: 'urn:gatehouse:two-factor', amr: ['pop', 'user'] },
      tenant: 'ten_default',
      grantId: 'grt_1',
      clientTrust: 'known',
      confirmation: undefined,
      authorizationDetails: [{ type: 'payment', limit: 10 }],
    });
  });

  it('cannot be changed by one request for the next', async () => {
    const verified = await verifierWith().verify(
      await issuer.token({ authorization_details: [{ type: 'a' }] }),
    );
    expect(() => (verified.scopes as string[]).push('files:write')).toThrow(TypeError);
    expect(() => Object.assign(verified.authorizationDetails[0] ?? {}, { type: 'b' })).toThrow(TypeError);
    expect(() => Object.assign(verified.claims, { sub: 'usr_eve' })).toThrow(TypeError);
  });

  it.each(['ES256', 'EdDSA', 'RS256'])('may be signed with %s', async (alg) => {
    const other = await startIssuer({ resource });
    const key = await createKey(alg, 'other');
    other.behaviour.keys = [key.publicJwk];
    const verifier = createVerifier({ issuer: other.issuer, resource });
    expect((await verifier.verify(await other.token({}, {}, key))).subject).toBe('usr_ana');
    await other.close();
  });

  it('may come from an issuer with a path', async () => {
    const other = await startIssuer({ resource, path: '/tenants/one' });
    const verifier = createVerifier({ issuer: other.issuer, resource });
    expect((await verifier.verify(await other.token())).issuer).toBe(`${other.issuer}`);
    await other.close();
  });

  it('is found good with the keys from jwksUri, without discovery', async () => {
    const hits = issuer.hits.metadata;
    await verifierWith({ jwksUri: `${issuer.issuer}/jwks` }).verify(await issuer.token());
    expect(issuer.hits.metadata).toBe(hits);
  });
});

describe('MCP R7: a token is refused that', () => {
  const reject = (code: TokenErrorCode, what: string, make: () => string | Promise<string>) =>
    it(`${what} (${code})`, async () => expect(await codeOf(await make())).toBe(code));

  reject('malformed', 'is no JWT', () => 'opaque');
  reject('malformed', 'is empty', () => '');
  reject('malformed', 'has five parts', () => 'a.b.c.d.e');
  reject('malformed', 'has a header that is not JSON', async () => `e30x.${(await issuer.token()).slice(5)}`);
  reject('malformed', 'is longer than any of ours', () => issuer.token({ filler: 'x'.repeat(20_000) }));
  reject('malformed', 'demands an extension', () => issuer.token({}, { crit: ['b64'], b64: true }));
  reject('malformed', 'has a payload that is no object', () =>
    raw({ alg: 'ES256', typ: 'at+jwt', kid: issuer.key.kid }, '[]'),
  );
  reject('algorithm', 'is not signed at all', async () => {
    const payload = (await issuer.token()).split('.')[1] ?? '';
    return raw({ alg: 'none', typ: 'at+jwt' }, base64url.decode(payload), '');
  });
  reject('algorithm', 'uses the public key as an HMAC secret', hmacWithPublicKey);
  reject('algorithm', 'names another algorithm than its key has', async () => {
    const rsa = await createKey('RS256', issuer.key.kid);
    return issuer.token({}, {}, rsa);
  });
  reject('signature', 'is signed by a stranger under our kid', () => issuer.token({}, {}, stranger));
  reject('signature', 'was changed after signing', async () => {
    const [header, , signature] = (await issuer.token()).split('.');
    const [, payload] = (await issuer.token({ scope: 'files:write' })).split('.');
    return `${header}.${payload}.${signature}`;
  });
  reject('key_unknown', 'names no key', () => issuer.token({}, { kid: undefined }));
  reject('key_unknown', 'names a key that is not published', () => issuer.token({}, { kid: 'nope' }));
  reject('signature', 'brings its own key', async () => {
    return issuer.token({}, { jwk: stranger.publicJwk, jku: 'http://127.0.0.1:1/jwks' }, stranger);
  });
  reject('issuer', 'was issued by another server (G2)', () => issuer.token({ iss: 'https://evil.example' }));
  reject('issuer', 'names our issuer with a trailing slash', () =>
    issuer.token({ iss: `${issuer.issuer}/` }),
  );
  for (const claim of ['iss', 'sub', 'aud', 'client_id', 'iat', 'exp', 'jti']) {
    reject('claims', `lacks ${claim}`, () => issuer.token({ [claim]: undefined }));
    reject('claims', `has ${claim} of a wrong type`, () => issuer.token({ [claim]: {} }));
  }
  reject('claims', 'expires before it was issued', () => issuer.token({ exp: now(), iat: now() + 1 }));
  reject('claims', 'has a scope that is no string', () => issuer.token({ scope: ['files:write'] }));
  reject('claims', 'names a kind of entity that there is not', () => issuer.token({ sub_type: 'admin' }));
  reject('claims', 'has an actor without a subject', () => issuer.token({ act: { sub_type: 'agent' } }));
  reject('claims', 'has a chain of actors without end', () => {
    let act = {};
    for (let link = 0; link < 17; link += 1) act = { sub: `agt_${link}`, act: link === 0 ? undefined : act };
    return issuer.token({ act });
  });
  reject('claims', 'has authorization details that are no list', () =>
    issuer.token({ authorization_details: { type: 'a' } }),
  );

  it('is of an algorithm that this server does not accept', async () => {
    expect(await codeOf(await issuer.token(), { algorithms: ['EdDSA'] })).toBe('algorithm');
  });

  it('is signed with a key that is published for encryption, or as a private key', async () => {
    const other = await startIssuer({ resource });
    const { privateKey, publicJwk } = other.key;
    const good = await createKey('ES256', 'good');
    other.behaviour.keys = [{ ...publicJwk, use: 'enc' }, good.publicJwk];
    const token = await other.token();
    const options = { issuer: other.issuer, resource };
    await expect(createVerifier(options).verify(token)).rejects.toMatchObject({ code: 'key_unknown' });
    other.behaviour.keys = [{ ...publicJwk, d: 'AAAA' }, good.publicJwk];
    await expect(createVerifier(options).verify(token)).rejects.toMatchObject({ code: 'key_unknown' });
    expect(privateKey.type).toBe('private');
    await other.close();
  });
});

describe('SEC-L18: the encoding of a token', () => {
  const parts = async () => (await issuer.token()).split('.') as [string, string, string];
  /** Sets the unused bits of the last character, which a lenient decoder ignores. */
  const twin = (part: string) => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    return part.slice(0, -1) + alphabet[alphabet.indexOf(part.at(-1) ?? '') + 1];
  };

  it('SEC-L18: refuses padding, white space and the alphabet of plain base64', async () => {
    const [header, payload, signature] = await parts();
    for (const changed of [`${signature}==`, `${signature} `, `${signature}\n`, `+${signature.slice(1)}`]) {
      expect(await codeOf(`${header}.${payload}.${changed}`)).toBe('malformed');
    }
  });

  it('SEC-L18: refuses a second encoding of the same signature', async () => {
    const [header, payload, signature] = await parts();
    expect(base64url.decode(twin(signature))).toEqual(base64url.decode(signature));
    expect(await codeOf(`${header}.${payload}.${twin(signature)}`)).toBe('malformed');
  });

  it('SEC-L18: refuses a signed payload that begins with a byte order mark', async () => {
    const payload = `\ufeff${JSON.stringify({ iss: issuer.issuer, aud: resource })}`;
    const signer = new CompactSign(new TextEncoder().encode(payload));
    signer.setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: issuer.key.kid });
    expect(await codeOf(await signer.sign(issuer.key.privateKey))).toBe('malformed');
  });
});

describe('the audience', () => {
  it('MCP R8: a token for another resource, or for none, is refused', async () => {
    expect(await codeOf(await issuer.token({ aud: 'https://mail.example/mcp' }))).toBe('audience');
    expect(await codeOf(await issuer.token({ aud: 'cli_code' }))).toBe('audience');
    expect(await codeOf(await issuer.token({ aud: [] }))).toBe('claims');
    expect(await codeOf(await issuer.token({ aud: undefined }))).toBe('claims');
  });

  it('F4: a token that one server was given is worth nothing at the other', async () => {
    const token = await issuer.token({ aud: 'https://a.example/mcp' });
    expect(await codeOf(token, { resource: 'https://a.example/mcp' })).toBe('accepted');
    expect(await codeOf(token, { resource: 'https://b.example/mcp' })).toBe('audience');
  });

  it.each([`${resource}/`, 'https://files.example/', 'https://files.example', 'https://FILES.example/mcp'])(
    'MCP R8: %s is not the resource, however close',
    async (aud) => expect(await codeOf(await issuer.token({ aud }))).toBe('audience'),
  );

  it('MCP R8: a token for several resources is refused even if we are one of them', async () => {
    expect(await codeOf(await issuer.token({ aud: [resource, 'https://mail.example/mcp'] }))).toBe(
      'audience',
    );
    expect(await codeOf(await issuer.token({ aud: [resource] }))).toBe('accepted');
  });
});

describe('G1: what is signed by the same key but is no access token is refused by its type', () => {
  it.each([
    ['an ID token', 'JWT'],
    ['a token without type', undefined],
    ['a logout token', 'logout+jwt'],
    ['a security event', 'secevent+jwt'],
    ['a DPoP proof', 'dpop+jwt'],
    ['an introspection response', 'token-introspection+jwt'],
    ['an ID-JAG', 'oauth-id-jag+jwt'],
    ['a type that only begins like ours', 'at+jwt+evil'],
  ])('%s', async (_, typ) => expect(await codeOf(await issuer.token({}, { typ }))).toBe('typ'));

  it('MCP R7: the long and the upper-case form of the type are the same type', async () => {
    expect(await codeOf(await issuer.token({}, { typ: 'application/at+jwt' }))).toBe('accepted');
    expect(await codeOf(await issuer.token({}, { typ: 'AT+JWT' }))).toBe('accepted');
  });
});

describe('G3: time', () => {
  it('an expired token is refused once the tolerance is over', async () => {
    expect(await codeOf(await issuer.token({ iat: now() - 300, exp: now() - 31 }))).toBe('expired');
    expect(await codeOf(await issuer.token({ iat: now() - 300, exp: now() - 20 }))).toBe('accepted');
  });

  it('a token from the future is refused, by iat and by nbf', async () => {
    expect(await codeOf(await issuer.token({ iat: now() + 3600, exp: now() + 7200 }))).toBe('not_yet_valid');
    expect(await codeOf(await issuer.token({ nbf: now() + 40 }))).toBe('not_yet_valid');
    expect(await codeOf(await issuer.token({ nbf: now() + 10 }))).toBe('accepted');
  });

  it('no tolerance above 60 seconds can be configured', () => {
    expect(() => verifierWith({ clockTolerance: 61 })).toThrow(TypeError);
    expect(() => verifierWith({ clockTolerance: Number.NaN })).toThrow(TypeError);
  });

  it('a remembered token expires all the same', async () => {
    let ahead = 0;
    const verifier = verifierWith({ now: () => Date.now() + ahead });
    const token = await issuer.token();
    await verifier.verify(token);
    ahead = 331_000;
    await expect(verifier.verify(token)).rejects.toMatchObject({ code: 'expired' });
  });
});

describe('a sender-constrained token', () => {
  it('is refused without proof of its key, and with proof of another', async () => {
    const verifier = verifierWith();
    const token = await issuer.token({ cnf: { jkt: 'thumb' } });
    for (const proof of [undefined, {}, { jkt: 'other' }, { x5t: 'thumb' }]) {
      await expect(verifier.verify(token, proof)).rejects.toMatchObject({ code: 'confirmation' });
    }
    expect((await verifier.verify(token, { jkt: 'thumb' })).confirmation?.jkt).toBe('thumb');
    await expect(verifier.verify(token)).rejects.toMatchObject({ code: 'confirmation' });
  });

  it('needs every key that it names', async () => {
    const token = await issuer.token({ cnf: { jkt: 'thumb', 'x5t#S256': 'cert' } });
    await expect(verifierWith().verify(token, { jkt: 'thumb' })).rejects.toMatchObject({
      code: 'confirmation',
    });
    expect((await verifierWith().verify(token, { jkt: 'thumb', x5t: 'cert' })).subject).toBe('usr_ana');
  });

  it('is refused when it is bound in a way that is not known here', async () => {
    expect(await codeOf(await issuer.token({ cnf: { kid: 'x' } }))).toBe('claims');
  });
});

describe('X4: names out of the prototype are data', () => {
  it('as scope, claim, tenant, actor and kid', async () => {
    const claims = JSON.parse(
      '{"__proto__": {"scope": "files:write"}, "constructor": "x", "tenant": "__proto__"}',
    );
    const verified = await verifierWith().verify(
      await issuer.token({ ...claims, scope: '__proto__ constructor', act: { sub: '__proto__' } }),
    );
    expect(verified.scopes).toEqual(['__proto__', 'constructor']);
    expect(verified.tenant).toBe('__proto__');
    expect(verified.actors).toEqual([{ subject: '__proto__', type: undefined }]);
    expect(await codeOf(await issuer.token({}, { kid: '__proto__' }))).toBe('key_unknown');
    expect(({} as Record<string, unknown>)['scope']).toBeUndefined();
  });

  it('a claim that hides in __proto__ does not count', async () => {
    const text = JSON.stringify({ iss: issuer.issuer, aud: resource }).replace(
      '{',
      '{"__proto__":{"sub":"usr_ana"},',
    );
    const key = await importJWK(issuer.key.publicJwk, 'ES256');
    expect(key).toBeDefined();
    const payload = new SignJWT(JSON.parse(text)).setProtectedHeader({
      alg: 'ES256',
      kid: 'key-1',
      typ: 'at+jwt',
    });
    expect(await codeOf(await payload.sign(issuer.key.privateKey))).toBe('claims');
  });
});

describe('createVerifier', () => {
  it.each([
    ['https://files.example/mcp/', 'https://files.example/mcp'],
    ['https://files.example/', 'https://files.example'],
    ['HTTPS://Files.Example:443/mcp', 'https://files.example/mcp'],
  ])('REP-F5: refuses the resource %s and names the registered spelling', (spelling, registered) => {
    expect(() => verifierWith({ resource: spelling })).toThrow(
      `resource must be written as it is registered at the authorization server: ${registered}`,
    );
    expect(verifierWith({ resource: registered }).resource).toBe(registered);
  });

  it('REP-M4: refuses a resource with a query, as the authorization server does', () => {
    expect(() => verifierWith({ resource: 'https://files.example/mcp?tenant=1' })).toThrow(
      /without user, query/,
    );
  });

  it('NEW-7: names a mistyped and a missing option', () => {
    const options = { issuer: issuer.issuer, resource };
    expect(() => createVerifier({ ...options, ressource: 'x' } as VerifierOptions)).toThrow(
      'createVerifier has no option "ressource". Did you mean "resource"?',
    );
    expect(() => createVerifier({ ...options, audience: 'x' } as VerifierOptions)).toThrow(
      /no option "audience". It has issuer, resource/,
    );
    expect(() => createVerifier({ issuer: issuer.issuer } as VerifierOptions)).toThrow(
      'createVerifier needs the option "resource"',
    );
  });
});

describe('options that could not work', () => {
  it.each([
    ['an issuer over plain http', { issuer: 'http://auth.example' }],
    ['an issuer with a query', { issuer: 'https://auth.example/?a=b' }],
    ['a resource with a fragment', { resource: 'https://files.example/mcp#a' }],
    ['a resource that is no URL', { resource: 'files' }],
    ['no algorithm', { algorithms: [] }],
    ['no cooldown', { cooldown: 0 }],
  ])('are refused at start: %s', (_, options) => expect(() => verifierWith(options)).toThrow(TypeError));
});

/** A compact JWS of arbitrary parts. */
function raw(header: object, payload: string | Uint8Array, signature = 'AAAA'): string {
  return `${base64url.encode(JSON.stringify(header))}.${base64url.encode(payload)}.${signature}`;
}

async function hmacWithPublicKey(): Promise<string> {
  const [, payload = ''] = (await issuer.token()).split('.');
  const spki = await exportSPKI(
    (await importJWK(issuer.key.publicJwk, 'ES256', { extractable: true })) as never,
  );
  const header = base64url.encode(JSON.stringify({ alg: 'HS256', typ: 'at+jwt', kid: issuer.key.kid }));
  const signature = createHmac('sha256', spki).update(`${header}.${payload}`).digest('base64url');
  return `${header}.${payload}.${signature}`;
}
