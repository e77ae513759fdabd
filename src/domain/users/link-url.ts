import type { Cause } from '../../kernel/cause.ts';
import { recordAudit } from '../audit/index.ts';
import { issueLink, type LinkPurpose } from '../links/index.ts';

import type { Db } from './store.ts';

/** A link with which a person makes what they sign in with. It is shown this once. */
export interface SignInLink {
  readonly url: string;
  readonly expiresAt: Date;
}

/** Makes a link for a person, with its record. @param lifetime whole seconds. */
export async function makeSignInLink(
  tx: Db,
  link: {
    readonly issuer: string;
    readonly purpose: Exclude<LinkPurpose, 'setup'>;
    readonly owner: { readonly userId: string; readonly email: string };
    readonly lifetime: number;
  },
  cause: Cause,
): Promise<SignInLink> {
  const { issuer, purpose, owner, lifetime } = link;
  const { token, expiresAt } = await issueLink(tx, { purpose, owner, lifetime });
  const detail = { purpose };
  await recordAudit(tx, { event: 'link.created', outcome: 'success', subject: owner.userId, detail }, cause);
  return { url: `${issuer}/enrol?token=${token}`, expiresAt };
}
