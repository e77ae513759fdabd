import type { Config } from '../config/config.ts';
import type { Factors, SessionCookie, Sessions } from '../domain/sessions/index.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Database } from '../platform/database/index.ts';
import type { Cookies, Forms, Views } from '../platform/http/index.ts';

/** What this door stands on. */
export interface AccountDeps {
  readonly config: Pick<Config, 'lifetimes' | 'metadataDocuments'>;
  readonly database: Pick<Database, 'pool' | 'prisma'>;
  readonly installation: { readonly sessions: Sessions; readonly factors: Factors };
  readonly cookies: Cookies;
  readonly forms: Forms;
  readonly views: Views;
  readonly sessionCookie: SessionCookie;
  /** Path of the issuer, `''` when it has none. */
  readonly basePath: string;
  readonly clock: Clock;
}
