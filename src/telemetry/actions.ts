import { Counter, type Registry } from 'prom-client';

import type { AuditObserver } from '../domain/audit/index.ts';
import type { RevocationReason } from '../domain/grants/index.ts';
import { GRANT_TYPES } from '../kernel/grant-types.ts';

import { reasonLabel } from './reasons.ts';

type Recorded = Parameters<AuditObserver>[0];

const GRANT_LABELS = [...GRANT_TYPES, 'other'] as const;
const TOKEN_OUTCOMES = ['issued', 'replayed', 'refused'] as const;
type TokenRequest = readonly [
  grantType: (typeof GRANT_LABELS)[number],
  outcome: (typeof TOKEN_OUTCOMES)[number],
];

const METHODS = ['passkey', 'password', 'unknown'] as const;
const SIGN_IN_OUTCOMES = ['succeeded', 'failed', 'throttled', 'rejected'] as const;
type SignIn = readonly [method: (typeof METHODS)[number], outcome: (typeof SIGN_IN_OUTCOMES)[number]];

const REVOCATIONS: Readonly<Record<RevocationReason, true>> = {
  ended_by_user: true,
  ended_by_administrator: true,
  revoked_by_client: true,
  code_reused: true,
  refresh_reused: true,
  token_in_foreign_hands: true,
  derivation_compromised: true,
  user_disabled: true,
  user_reset: true,
  user_removed: true,
  client_removed: true,
  superseded: true,
};

/** The names of the limits, by the reason of the record. */
const LIMITERS: Readonly<Record<string, string>> = {
  registration: 'registration',
  registration_all: 'registration-all',
  registration_quota_network: 'unused-clients-network',
  registration_quota: 'unused-clients',
  token: 'refused-requests',
  grant_requests: 'grant-requests',
  refresh_repetitions: 'refresh-repetitions',
  authorization: 'authorization',
  client_documents: 'client-documents',
  interactions: 'interactions',
  interactions_network: 'interactions-network',
  too_many_client_requests: 'client-requests-person',
  client_requests_full: 'client-requests',
  account_and_network: 'sign-in-pair',
  account: 'sign-in-account',
  network: 'sign-in-network',
  steps: 'sign-in-steps',
  hashing_busy: 'password-hashes',
};

/**
 * Counts what the audit trail records, each action once, after its commit. The trail has everything;
 * what is counted of it are words that are known beforehand, never who or what it was about.
 *
 * What is already known to be possible begins at 0, so that the first one is a rise and not a birth.
 */
export function countActions(registry: Registry): AuditObserver {
  const registers = [registry];
  const records = new Counter({
    name: 'gatehouse_audit_records_total',
    help: 'Audit records committed by this process',
    labelNames: ['event', 'outcome'],
    registers,
  });
  const tokens = new Counter({
    name: 'gatehouse_tokens_total',
    help: 'Token requests: issued (access token, and refresh token where there is one), replayed (a lost refresh response repeated), refused',
    labelNames: ['grant_type', 'outcome'],
    registers,
  });
  const refusals = new Counter({
    name: 'gatehouse_refusals_total',
    help: 'Refusals of any kind, by the event and the reason of their audit record',
    labelNames: ['event', 'reason'],
    registers,
  });
  const signIns = new Counter({
    name: 'gatehouse_signins_total',
    help: 'Sign-ins judged, throttled before they were judged, or rejected as forged',
    labelNames: ['method', 'outcome'],
    registers,
  });
  const revoked = new Counter({
    name: 'gatehouse_grants_revoked_total',
    help: 'Connections ended, by the reason',
    labelNames: ['reason'],
    registers,
  });
  const throttled = new Counter({
    name: 'gatehouse_throttled_total',
    help: 'Requests not looked at because there were too many, by the limit that was reached',
    labelNames: ['limiter'],
    registers,
  });

  for (const grantType of GRANT_LABELS)
    for (const outcome of TOKEN_OUTCOMES) tokens.inc({ grant_type: grantType, outcome }, 0);
  for (const method of METHODS) for (const outcome of SIGN_IN_OUTCOMES) signIns.inc({ method, outcome }, 0);
  records.inc({ event: 'refresh.replay_suspected', outcome: 'success' }, 0);
  for (const reason of Object.keys(REVOCATIONS)) revoked.inc({ reason }, 0);
  for (const limiter of Object.values(LIMITERS)) throttled.inc({ limiter }, 0);

  return (record) => {
    const { event, outcome, reason } = record;
    records.inc({ event, outcome });
    if (outcome !== 'success') refusals.inc({ event, reason: reasonLabel(reason) });

    const request = tokenRequestOf(record);
    if (request) tokens.inc({ grant_type: request[0], outcome: request[1] });
    const signIn = signInOf(record);
    if (signIn) signIns.inc({ method: signIn[0], outcome: signIn[1] });
    const ended = revocationOf(record);
    if (ended) revoked.inc({ reason: ended });
    const limiter = event.endsWith('.throttled') ? LIMITERS[reason ?? ''] : undefined;
    if (limiter) throttled.inc({ limiter });
  };
}

/** What the record says of a token request; the ones refused for their client belong to it too. */
function tokenRequestOf({ event, detail }: Recorded): TokenRequest | undefined {
  const claimed = detail?.['grant_type'];
  const grantType = GRANT_LABELS.find((known) => known === claimed);
  switch (event) {
    case 'token.issued':
      return [grantType ?? 'authorization_code', 'issued'];
    case 'refresh.rotated':
      return ['refresh_token', 'issued'];
    case 'refresh.replayed':
      return ['refresh_token', 'replayed'];
    case 'refresh.reused':
    case 'refresh.rejected':
      return ['refresh_token', 'refused'];
    case 'code.reused':
      return ['authorization_code', 'refused'];
    case 'token.rejected':
      return [grantType ?? 'other', 'refused'];
    case 'client.authentication_failed':
      return claimed === undefined ? undefined : [grantType ?? 'other', 'refused'];
    default:
      return undefined;
  }
}

function signInOf({ event, detail }: Recorded): SignIn | undefined {
  const method = METHODS.find((known) => known === detail?.['method']) ?? 'unknown';
  switch (event) {
    case 'signin.succeeded':
      return [method, 'succeeded'];
    case 'signin.failed':
    case 'passkey.clone_suspected':
      return [method, 'failed'];
    case 'signin.throttled':
      return [method, 'throttled'];
    case 'signin.rejected':
      return [method, 'rejected'];
    default:
      return undefined;
  }
}

/** Why a connection ended by this action, if one did: by itself, or because something of it was used twice. */
export function revocationOf({ event, reason }: Recorded): RevocationReason | undefined {
  if (event !== 'grant.revoked' && event !== 'code.reused' && event !== 'refresh.reused') return undefined;
  return reason !== null && Object.hasOwn(REVOCATIONS, reason) ? (reason as RevocationReason) : undefined;
}
