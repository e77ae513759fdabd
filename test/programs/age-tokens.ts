import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { claimsOf } from '../support/flow.ts';
import type { TestServer } from '../support/server.ts';
import type { Home } from './home.ts';

const JWT = /eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+/g;
const HOUR_S = 3600;
/** No program keeps more in one file of its own. */
const MAX_STORED_BYTES = 1_000_000;

/**
 * Replaces every access token of this server that a program has stored with the same one, expired for an hour:
 * what a program finds that was not used for a while. Returns how many there were.
 */
export async function ageTokens({ installation, issuer }: TestServer, { path }: Home): Promise<number> {
  let aged = 0;
  for (const file of filesBelow(path)) {
    const text = readFileSync(file, 'utf8');
    let changed = text;
    for (const token of new Set(text.match(JWT))) {
      const claims = claimsOf(token);
      if (claims['iss'] !== issuer) continue;
      const [iat, exp] = [Number(claims['iat']) - HOUR_S, Number(claims['exp'])];
      const old = { ...claims, iat, exp: Math.min(exp, iat + HOUR_S) - HOUR_S };
      changed = changed.replaceAll(token, await installation.keys.sign(old, { typ: 'at+jwt' }));
      aged += 1;
    }
    if (changed !== text) writeFileSync(file, changed);
  }
  return aged;
}

function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => statSync(file).size < MAX_STORED_BYTES);
}
