import type { SealPlace } from '../../platform/crypto/box.ts';

export const signingKeyPlace = (kid: string): SealPlace => ({
  purpose: 'signing-key',
  table: 'signing_keys',
  column: 'private_sealed',
  row: kid,
});

export const secretPlace = (purpose: string, version: number): SealPlace => ({
  purpose: 'server-secret',
  table: 'server_secrets',
  column: 'sealed',
  row: `${purpose} ${version}`,
});

export const totpPlace = (userId: string): SealPlace => ({
  purpose: 'totp-seed',
  table: 'totp_factors',
  column: 'seed_sealed',
  row: userId,
  owner: userId,
});
