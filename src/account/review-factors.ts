import type { Session } from '../domain/sessions/index.ts';

import type { AccountDeps } from './deps.ts';

/** Returns the link to the ways to sign in that were added and that the person has not confirmed yet, if there are any. */
export async function factorReview(
  { installation, basePath }: Pick<AccountDeps, 'installation' | 'basePath'>,
  session: Session,
  /** Where it leads back. */
  path: string,
): Promise<{ readonly reviewUrl?: string }> {
  const notices = await installation.factors.notices(session);
  if (notices.length === 0) return {};
  return { reviewUrl: `${basePath}/sign-in/notice?continue=${encodeURIComponent(path)}` };
}
