/**
 * The hashes of a client's living secrets, as the one `client_secret` that the library has room for.
 * It never sees a secret of ours: what is presented is compared with these.
 */
export function secretHashes(hashes: readonly (Buffer | null)[]): string | undefined {
  const living = hashes.filter((hash) => hash !== null);
  return living.length === 0 ? undefined : living.map((hash) => hash.toString('base64url')).join('.');
}

/** The same, read back; none for a client without a secret. */
export function secretHashesOf(clientSecret: string | undefined): readonly Buffer[] {
  return clientSecret === undefined
    ? []
    : clientSecret.split('.').map((hash) => Buffer.from(hash, 'base64url'));
}
