import type { Check } from '../examination.ts';

import { checkCaching } from './caching.ts';
import { checkClock } from './clock.ts';
import { checkCors } from './cors.ts';
import { checkDocuments } from './documents.ts';
import { checkErrors } from './errors.ts';
import { checkInstallation } from './installation.ts';
import { checkIssuer } from './issuer.ts';
import { checkJwks } from './jwks.ts';
import { checkLimits } from './limits.ts';
import { checkProtectedResource } from './protected-resource.ts';
import { checkProxy } from './proxy.ts';
import { checkTls } from './tls.ts';
import { checkWellKnown } from './well-known.ts';

/** All of them, in the order in which a client comes by. */
export const CHECKS: readonly Check[] = [
  checkTls,
  checkIssuer,
  checkDocuments,
  checkWellKnown,
  checkJwks,
  checkCors,
  checkErrors,
  checkLimits,
  checkCaching,
  checkProxy,
  checkClock,
  checkInstallation,
  checkProtectedResource,
];
