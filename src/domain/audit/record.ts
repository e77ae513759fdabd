import type { Actor, Cause } from '../../kernel/cause.ts';
import { recordableClientId } from '../../kernel/client-id.ts';
import { newId } from '../../kernel/ids.ts';

import type { AuditEvent, AuditOutcome } from './events.ts';

/** What an action says about itself. Identifiers only; never a token, a code, a secret or a password. */
export interface AuditEntry {
  readonly event: AuditEvent;
  readonly outcome: AuditOutcome;
  /** snake_case, exact: the answer outside is vague, this one is not. */
  readonly reason?: string | undefined;
  readonly tenant?: string | undefined;
  readonly subject?: string | undefined;
  readonly client?: string | undefined;
  readonly agentChain?: readonly string[] | undefined;
  readonly service?: string | undefined;
  readonly grant?: string | undefined;
  readonly resource?: string | undefined;
  readonly scopes?: readonly string[] | undefined;
  /** Further identifiers, for example `{ jti, scopes_dropped }`. */
  readonly detail?: Readonly<Record<string, unknown>> | undefined;
}

/** One row of `audit_records`. */
export interface AuditRow {
  readonly id: string;
  readonly event: string;
  readonly outcome: string;
  readonly reason: string | null;
  readonly tenant: string | null;
  readonly subject: string | null;
  readonly client: string | null;
  readonly agentChain: string[];
  readonly service: string | null;
  readonly actorType: Actor['type'];
  readonly actorId: string | null;
  readonly grant: string | null;
  readonly resource: string | null;
  readonly scopes: string[];
  readonly requestId: string;
  readonly network: string | null;
  readonly detail: Record<string, unknown> | null;
}

/** Attacker-chosen text (a URL) is cut, and control characters are removed, before it is kept. */
const MAX_TEXT = 512;

/** The row of an entry, the same for Prisma and for the prepared statements of the token path. */
export function toRow(entry: AuditEntry, cause: Cause): AuditRow {
  return {
    id: newId('aud'),
    event: entry.event,
    outcome: entry.outcome,
    reason: clean(entry.reason),
    tenant: clean(entry.tenant),
    subject: clean(entry.subject),
    client: entry.client === undefined ? null : recordableClientId(entry.client),
    agentChain: [...(entry.agentChain ?? [])],
    service: clean(entry.service),
    actorType: cause.actor.type,
    actorId: actorIdOf(cause.actor),
    grant: clean(entry.grant),
    resource: clean(entry.resource),
    scopes: (entry.scopes ?? []).slice(0, 100).map((scope) => clean(scope) ?? ''),
    requestId: clean(cause.requestId) ?? '',
    network: clean(cause.network),
    detail: detailOf(entry, cause),
  };
}

/** The id of an actor, that of a client in a form that holds no secret. */
function actorIdOf({ type, id }: Actor): string | null {
  return type === 'client' ? recordableClientId(id) : clean(id);
}

/** What the entry says, and which authorization the request was a part of. */
function detailOf({ detail }: AuditEntry, { flow }: Cause): Record<string, unknown> | null {
  if (!detail && flow === undefined) return null;
  return { ...detail, ...(flow === undefined ? {} : { flow }) };
}

/** What nearly every value is made of, and needs no cleaning. */
const CLEAN = /^[\x20-\x7e]{0,512}$/;

function clean(value: string | undefined): string | null {
  if (value === undefined) return null;
  if (CLEAN.test(value)) return value;
  return [...value.slice(0, MAX_TEXT)].filter((char) => !isControl(char)).join('');
}

function isControl(char: string): boolean {
  const code = char.codePointAt(0) ?? 0;
  return code < 0x20 || (code >= 0x7f && code <= 0x9f) || (code >= 0xd800 && code <= 0xdfff);
}
