/**
 * Every advisory lock of the program with one key. A number stands here and nowhere else, so that two unrelated
 * operations never wait for each other.
 */
export const ADVISORY_LOCKS = {
  /** The lock that Prisma's own `migrate` takes, so that the two exclude each other. */
  migration: 72_707_369,
  housekeeping: 4_610_100,
  /** Everything that makes, moves or drops a signing key. */
  signingKeys: 4_610_101,
  clientRequests: 4_610_102,
  registrationQuota: 4_610_103,
  /** Makes, replaces and seals the data keys. */
  dataKeys: 4_610_104,
} as const;

/** Advisory locks with two keys, which never equal one with a single key: (`embedded`, one of the others). */
export const EMBEDDED_LOCKS = { space: 0x67617465, inUse: 1, owned: 2 } as const;
