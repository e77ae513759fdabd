import type { SignInLink } from '../domain/users/index.ts';

import { minute } from './output.ts';

/** The lines that hand over a one-time link. */
export function linkLines({ url, expiresAt }: SignInLink): readonly string[] {
  return [
    `  ${url}`,
    `It works once, until ${minute(expiresAt)}. Send it to nobody else: it makes what signs in to the account.`,
  ];
}
