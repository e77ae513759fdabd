import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createVerifier } from '../../../packages/verifier/src/index.ts';
import { startIssuer, type TestIssuer } from '../../../packages/verifier/test/issuer.ts';
import { describeRevocationDelay, VERIFIER_TOLERANCE_SECONDS } from '../../../src/domain/tokens/index.ts';

const RESOURCE = 'https://files.example/mcp';
let issuer: TestIssuer;
beforeAll(async () => {
  issuer = await startIssuer({ resource: RESOURCE });
});
afterAll(() => issuer.close());

describe('describeRevocationDelay', () => {
  it.each([
    [600, 'within 11 minutes'],
    [300, 'within 6 minutes'],
    [30, 'within 1 minute'],
    [31, 'within 2 minutes'],
    [3600, 'within 61 minutes'],
  ])('CLI-2, NEW-4: says a token lifetime of %i s with the verifier tolerance as "%s"', (seconds, phrase) => {
    expect(describeRevocationDelay(seconds)).toBe(phrase);
  });

  it('CLI-2: counts the tolerance that a verifier has when none is configured', async () => {
    const { verify } = createVerifier({ issuer: issuer.issuer, resource: RESOURCE });
    const now = Math.floor(Date.now() / 1000);
    const expiredFor = (seconds: number) => issuer.token({ iat: now - 300, exp: now - seconds });
    // Up to ten seconds of a busy machine do not change the outcome.
    await verify(await expiredFor(VERIFIER_TOLERANCE_SECONDS - 10));
    await expect(verify(await expiredFor(VERIFIER_TOLERANCE_SECONDS + 1))).rejects.toMatchObject({
      code: 'expired',
    });
  });
});
