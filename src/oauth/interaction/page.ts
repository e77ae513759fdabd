import type { Lifetimes } from '../../config/config.ts';
import type { ResourceTool } from '../../domain/resources/index.ts';
import type { Session } from '../../domain/sessions/index.ts';
import { type ConsentPage, type ContinuePage, describeWhen } from '../../platform/http/index.ts';

import { confirmsDestructive, connectionLifetime, isStranger } from '../trust.ts';

import { describeRedirect, type Offer } from './offer.ts';

/** What changed in a metadata document, as people call it. */
const CHANGES: Readonly<Record<Offer['changes'][number]['what'], string>> = {
  name: 'Its name',
  redirects: 'Where it may send you back to',
  keys: 'What proves that it is this program',
};

const DAY = 86_400;

interface Frame {
  readonly csrf: string;
  readonly action: string;
  readonly notYouUrl: string;
  readonly now: Date;
  /** Path of the client's logo. */
  readonly logo: string | undefined;
}

function clientLine(offer: Offer, { now, logo }: Pick<Frame, 'now' | 'logo'>): ConsentPage['client'] {
  const { client, registration, trust, firstSeen } = offer;
  const redirect = describeRedirect(offer.redirectUri);
  return {
    name: client.clientName ?? client.clientId,
    logo,
    identifierHost: registration === 'document' ? new URL(client.clientId).host : undefined,
    verified: !isStranger(trust),
    registration,
    firstSeen: firstSeen && describeWhen(firstSeen, now),
    redirectHost: redirect.host,
    redirectIsLoopback: redirect.loopback,
    redirectIsPrivateUse: redirect.privateUse,
    localOnly: (client.redirectUris ?? []).every((uri) => !isWeb(uri)),
    untrusted: isStranger(trust),
  };
}

function isWeb(redirectUri: string): boolean {
  const { loopback, privateUse } = describeRedirect(redirectUri);
  return !loopback && !privateUse;
}

/**
 * What a scope is called when no tool says what it does: only what says that it reads, reads
 * (`files:read`, `calendar.readonly`, `list_issues`).
 */
const NAMED_FOR_READING = /(?:^|[:./_-])(?:read|readonly|list|search|view)(?:$|[:./_-])/i;
const NAMED_FOR_MORE = /(?:^|[:./_-])(?:write|create|update|delete|send|manage|admin|all|full)(?:$|[:./_-])/i;

/** Whether all that a scope lets a program do is look. */
function onlyReads(scope: string, destructive: boolean, tools: readonly ResourceTool[]): boolean {
  if (destructive) return false;
  if (tools.length > 0) return tools.every((tool) => tool.effect === 'read');
  return NAMED_FOR_READING.test(scope) && !NAMED_FOR_MORE.test(scope);
}

/**
 * The consent page: each scope in a sentence, with the tools behind it. Preselected is what only
 * reads, and what was allowed before; what is destructive is ticked each time anew.
 */
export function consentPage(
  offer: Offer,
  user: Session['user'],
  lifetimes: Lifetimes,
  { now, logo, ...frame }: Frame,
): ConsentPage {
  const { resource, remembered, trust, client } = offer;
  const stays = connectionLifetime(lifetimes, trust);
  return {
    ...frame,
    client: clientLine(offer, { now, logo }),
    clientVersion: offer.key.clientVersion,
    changes: offer.changes.map(({ what, before, after }) => ({ label: CHANGES[what], before, after })),
    resource: { name: resource.name, identifier: resource.identifier },
    user: { name: user.name, email: user.email },
    scopes: offer.scopes.map((scope) => {
      const known = resource.scopes.find((candidate) => candidate.scope === scope);
      const tools = resource.tools.filter((tool) => tool.scopes.includes(scope));
      const destructive = known?.destructive ?? false;
      const before = remembered.includes(scope);
      return {
        scope,
        sentence: known?.description ?? scope,
        tools: tools.map(({ name, title, effect }) => ({ name, title, effect })),
        destructive,
        checked:
          (before && !(destructive && confirmsDestructive(trust))) || onlyReads(scope, destructive, tools),
        isNew: remembered.length > 0 && !before,
        alreadyGranted: before,
      };
    }),
    stayConnected: {
      offered: client.grantTypeAllowed('refresh_token'),
      idleDays: Math.round(stays.idle / DAY),
      absoluteDays: Math.round(stays.absolute / DAY),
    },
  };
}

/** One click, for what was allowed before and where the redirect may not be followed unseen (RFC 8252 §8.6). */
export function continuePage(
  offer: Offer,
  user: Session['user'],
  { now, logo, ...frame }: Frame,
): ContinuePage {
  const { resource } = offer;
  return {
    ...frame,
    client: clientLine(offer, { now, logo }),
    clientVersion: offer.key.clientVersion,
    resource: { name: resource.name, identifier: resource.identifier },
    user: { name: user.name, email: user.email },
    scopes: offer.scopes.map((scope) => {
      const known = resource.scopes.find((candidate) => candidate.scope === scope);
      return { scope, sentence: known?.description ?? scope, destructive: known?.destructive ?? false };
    }),
  };
}
