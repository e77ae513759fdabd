import type { Pool } from 'pg';
import { anonymously, type Cause } from '../../kernel/cause.ts';
import { networkKey, widestPrefix } from '../../kernel/network.ts';

import { tellObserver } from './observe.ts';
import { type AuditEntry, type AuditRow, toRow } from './record.ts';
import { insertRow, recordAuditOn } from './store.ts';

/** Records what requests without authentication cause, in a bounded number of rows. */
export interface AnonymousRecorder {
  /**
   * Writes the first record of each network, kind and minute; counts the rest, and writes each count when the
   * minute ends. Every call reaches the observer of the audit log once.
   *
   * A kind is event, outcome, reason, client and subject, and `distinct` where it is given. Once a network, its
   * widest prefix or all networks together have had their rows of the minute, further kinds are counted per event.
   * What a known actor did is always written.
   *
   * @throws as `recordAudit`, for a record that is written at once.
   */
  record(
    entry: AuditEntry,
    cause: Cause,
    options?: {
      /** Makes records of one kind distinct, for example by the authorization that they belong to. */
      readonly distinct?: string | undefined;
      /** The record is an alarm: it is written, whatever came before it. */
      readonly always?: boolean;
      /** Completes an entry that is about to be written. */
      readonly complete?: (entry: AuditEntry) => Promise<AuditEntry>;
    },
  ): Promise<void>;
  /** Writes what was counted. */
  close(): Promise<void>;
}

interface Deps {
  readonly pool: Pool;
  /** `false` writes each record, for a server that limits nothing. */
  readonly enabled: boolean;
  /** Length of a window. */
  readonly windowMs?: number;
}

const WINDOW_MS = 60_000;
/** Records that are written at once within a window, of one network (an IPv4 address, a /64). */
const MAX_PER_NETWORK = 60;
/** The same of one widest prefix (an IPv4 /24, a /48). */
const MAX_PER_PREFIX = 120;
/** The same of all networks: records of kinds, and records that are made distinct, such as authorizations begun. */
const MAX_IN_ALL = { kinds: 600, distinct: 6_000 } as const;
type Budget = keyof typeof MAX_IN_ALL;
/** Counts that wait for the store to come back; beyond it the oldest are dropped. */
const MAX_WAITING_COUNTS = 2_000;

/** Records of one kind in the present window. */
interface Kind {
  readonly entry: AuditEntry;
  readonly network: string | undefined;
  /** Of the latest record. */
  requestId: string;
  /** Records that were counted and not written. */
  repeated: number;
}

interface Window {
  readonly began: Date;
  readonly kinds: Map<string, Kind>;
  /** Rows written for each network and prefix, and in all. */
  readonly rows: Readonly<Record<Budget, { readonly of: Map<string, number>; inAll: number }>>;
}

/** Creates the recorder of one process. Its memory is bounded by the rows that it may write in a window. */
export function createAnonymousRecorder({ pool, enabled, windowMs = WINDOW_MS }: Deps): AnonymousRecorder {
  let window: Window | undefined;
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> = Promise.resolve();
  const counts: AuditRow[] = [];

  const openWindow = (): Window => {
    if (!window) {
      const rows = { kinds: { of: new Map(), inAll: 0 }, distinct: { of: new Map(), inAll: 0 } };
      window = { began: new Date(), kinds: new Map(), rows };
      timer = setTimeout(() => void endWindow(), windowMs);
      timer.unref();
    }
    return window;
  };

  function endWindow(): Promise<void> {
    clearTimeout(timer);
    const ended = window;
    window = undefined;
    if (ended) counts.push(...countsOf(ended));
    counts.splice(0, Math.max(0, counts.length - MAX_WAITING_COUNTS));
    writing = writing.then(writeCounts);
    return writing;
  }

  /** Leaves what cannot be written now to the end of the next window. */
  async function writeCounts(): Promise<void> {
    for (;;) {
      const row = counts[0];
      if (row === undefined) return;
      try {
        await insertRow(pool, row);
      } catch {
        return;
      }
      if (counts[0] === row) counts.shift();
    }
  }

  return {
    async record(entry, cause, { distinct, always = false, complete = asItIs } = {}) {
      if (!enabled || always || cause.actor.type !== 'anonymous')
        return recordAuditOn(pool, await complete(entry), cause);
      const current = openWindow();
      const { event, outcome, reason, client, subject } = entry;
      const network = networkKey(cause.network ?? '');
      const prefix = widestPrefix(cause.network ?? '');
      const key = keyOf(network, event, outcome, reason, toRow(entry, cause).client, subject, distinct);
      const known = current.kinds.get(key);
      if (known) return count(known, entry, cause);

      const budget: Budget = distinct === undefined ? 'kinds' : 'distinct';
      const full = fullOf(current, budget, { network, prefix });
      if (full) return count(overflowOf(current, full, { entry, cause, prefix }), entry, cause);

      const first = { entry: { event, outcome, reason, client, subject }, network: cause.network };
      current.kinds.set(key, { ...first, requestId: cause.requestId, repeated: 0 });
      addRows(current, budget, { network, prefix }, 1);
      try {
        await recordAuditOn(pool, await complete(entry), cause);
      } catch (error) {
        current.kinds.delete(key);
        addRows(current, budget, { network, prefix }, -1);
        throw error;
      }
    },

    close: () => endWindow(),
  };

  function count(kind: Kind, entry: AuditEntry, cause: Cause): void {
    kind.repeated += 1;
    kind.requestId = cause.requestId;
    tellObserver(pool, toRow(entry, cause));
  }
}

const asItIs = async (entry: AuditEntry) => entry;

function keyOf(...parts: readonly unknown[]): string {
  return JSON.stringify(parts.map((part) => part ?? null));
}

interface Holders {
  readonly network: string;
  readonly prefix: string;
}

/** Returns what has had its rows of this window: the prefix of the caller, or all networks together. */
function fullOf(
  { rows }: Window,
  budget: Budget,
  { network, prefix }: Holders,
): 'prefix' | 'in_all' | undefined {
  const { of, inAll } = rows[budget];
  if (inAll >= MAX_IN_ALL[budget]) return 'in_all';
  const full = (of.get(network) ?? 0) >= MAX_PER_NETWORK || (of.get(prefix) ?? 0) >= MAX_PER_PREFIX;
  return full ? 'prefix' : undefined;
}

/** Returns the kind that counts what is beyond a budget: one for each event. */
function overflowOf(
  { kinds }: Window,
  full: 'prefix' | 'in_all',
  { entry, cause, prefix }: { readonly entry: AuditEntry; readonly cause: Cause; readonly prefix: string },
): Kind {
  const network = full === 'prefix' ? prefix : undefined;
  const { event, outcome } = entry;
  const key = keyOf(network, event, outcome);
  const kind = kinds.get(key) ?? {
    entry: { event, outcome, reason: 'further_kinds' },
    network,
    requestId: cause.requestId,
    repeated: 0,
  };
  kinds.set(key, kind);
  return kind;
}

function addRows({ rows }: Window, budget: Budget, { network, prefix }: Holders, number: 1 | -1): void {
  const { of } = rows[budget];
  rows[budget].inAll += number;
  for (const holder of new Set([network, prefix])) of.set(holder, (of.get(holder) ?? 0) + number);
}

/** The records that say how many more there were of each kind. */
function countsOf({ kinds, began }: Window): readonly AuditRow[] {
  return [...kinds.values()]
    .filter(({ repeated }) => repeated > 0)
    .map(({ entry, network, requestId, repeated }) =>
      toRow(
        { ...entry, detail: { repeated, since: began.toISOString() } },
        anonymously({ requestId, network }),
      ),
    );
}
