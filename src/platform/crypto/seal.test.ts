import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import { SealBroken } from './box.ts';
import { createMasterSealer } from './seal.ts';

const place = { purpose: 'totp-seed', owner: 'usr_a', tenant: 'ten_default' };

describe('createMasterSealer', () => {
  it('opens what it sealed, in its own place only', () => {
    const sealer = createMasterSealer(randomBytes(32));
    const sealed = sealer.seal(place, 'secret');

    expect(sealer.open(place, sealed).toString()).toBe('secret');
    expect(() => sealer.open({ ...place, owner: 'usr_b' }, sealed)).toThrow(SealBroken);
    expect(() => sealer.open({ ...place, purpose: 'signing-key' }, sealed)).toThrow(SealBroken);
    expect(() => sealer.open({ ...place, tenant: 'ten_other' }, sealed)).toThrow(SealBroken);
  });

  it('refuses altered bytes, a cut value and another master key', () => {
    const sealer = createMasterSealer(randomBytes(32));
    const sealed = sealer.seal(place, 'secret');

    for (const index of sealed.keys()) {
      const altered = Buffer.from(sealed);
      altered[index] = (altered[index] ?? 0) ^ 1;
      expect(() => sealer.open(place, altered)).toThrow(SealBroken);
    }
    expect(() => sealer.open(place, sealed.subarray(0, 10))).toThrow(SealBroken);
    expect(() => createMasterSealer(randomBytes(32)).open(place, sealed)).toThrow(SealBroken);
  });

  it('never makes the same ciphertext twice', () => {
    const sealer = createMasterSealer(randomBytes(32));
    expect(sealer.seal(place, 'secret').equals(sealer.seal(place, 'secret'))).toBe(false);
  });
});
