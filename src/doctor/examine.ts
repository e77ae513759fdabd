import type { LookupFunction } from 'node:net';
import { isDeepStrictEqual } from 'node:util';

import { addressesOf } from './addresses.ts';
import { describe } from './answers.ts';
import { CHECKS } from './checks/index.ts';
import { beginExamination } from './examination.ts';
import type { Finding } from './finding.ts';
import { createProbe, isReply } from './probe.ts';
import { type Diagnosis, replay } from './replay/index.ts';
import { SHAPES } from './shapes/index.ts';
import type { StoreFacts } from './store.ts';

export interface ExaminationRequest {
  /** The issuer as clients are told it. */
  readonly issuer: string;
  /** Clients to replay, by id; all of them when left out. */
  readonly clients?: readonly string[] | undefined;
  /** An MCP server that is protected by it. */
  readonly resource?: string | undefined;
  /** The metadata document of a client that has one for each connection. */
  readonly document?: string | undefined;
  /** Registers clients that register themselves, and removes them again. */
  readonly register?: boolean;
  readonly store?: StoreFacts | undefined;
  /** Is told as whom the server is looked at now, for a person who waits. */
  readonly progress?: (as: string) => void;
  /** Resolves names otherwise than the system does. */
  readonly lookup?: LookupFunction;
}

export interface Report {
  readonly issuer: string;
  /** No check found a problem, and no client stops for which the server is to blame. */
  readonly healthy: boolean;
  readonly checks: readonly Finding[];
  readonly clients: readonly Diagnosis[];
}

/** Nobody answers at the issuer, so there is nothing to examine. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';
}

/**
 * Looks at a running server from outside, one request after the other, as clients see it.
 *
 * Leaves nothing there that lives on: no client, no grant, no consent and no session. Its refused requests
 * are in the audit trail like any others. With `register` clients are made and removed again (RFC 7592).
 *
 * @throws Unreachable when nobody answers at all.
 */
export async function examine(request: ExaminationRequest): Promise<Report> {
  const { issuer, resource, store, lookup, progress } = request;
  progress?.('any caller');
  const probe = createProbe(lookup ? { lookup } : {});
  try {
    const examination = await beginExamination(probe, {
      issuer,
      resource,
      store,
      addresses: await addressesOf(new URL(issuer).hostname, lookup),
    });
    const { documents } = examination;
    const [first] = documents;
    if (first && documents.every(({ answer }) => !isReply(answer)))
      throw new Unreachable(`Nobody answers at ${issuer}: ${describe(first.answer)}.`);

    const checks: Finding[] = [];
    for (const check of CHECKS) {
      // What is wrong at two addresses in the same way is said once.
      for (const finding of await check(examination)) {
        if (!checks.some((known) => isDeepStrictEqual(known, finding))) checks.push(finding);
      }
    }
    const clients: Diagnosis[] = [];
    for (const shape of SHAPES) {
      if (request.clients && !request.clients.includes(shape.id)) continue;
      progress?.(shape.name);
      clients.push(await replay(examination, shape, request));
    }
    const healthy =
      checks.every(({ level }) => level !== 'problem') && clients.every(({ outcome }) => outcome !== 'stops');
    return { issuer, healthy, checks, clients };
  } finally {
    probe.close();
  }
}
