import type { Config } from '../config/config.ts';
import type { Factors, SessionCookie, Sessions, SignIn } from '../domain/sessions/index.ts';
import type { Enrolment, Setup } from '../domain/users/index.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Database } from '../platform/database/index.ts';
import type { Cookies, Forms, Purpose, Views } from '../platform/http/index.ts';
import type { Throttle } from '../platform/throttle/index.ts';
import type { ConnectLineConfig } from './connect-line.ts';

/** What this door stands on. */
export interface SignInDeps {
  readonly config: Pick<Config, 'issuer' | 'lifetimes' | 'throttle'> & ConnectLineConfig;
  readonly database: Pick<Database, 'pool'>;
  readonly installation: {
    readonly defaultTenant: string;
    readonly signIn: SignIn;
    readonly sessions: Sessions;
    readonly factors: Factors;
    readonly enrolment: Enrolment;
    readonly setup: Setup;
  };
  readonly throttle: Throttle;
  readonly cookies: Cookies;
  readonly forms: Forms;
  readonly views: Views;
  readonly sessionCookie: SessionCookie;
  /** Path of the issuer, `''` when it has none. */
  readonly basePath: string;
  readonly clock: Clock;
  /** For which client and server the person signs in, where the way back belongs to an authorization. */
  readonly describe?: (continueTo: string) => Promise<Purpose | undefined>;
}
