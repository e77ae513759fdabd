import type { Lifetimes } from '../../../config/config.ts';
import { choseItsName, displayedName } from '../../../domain/admission/index.ts';
import type { ResourceTool } from '../../../domain/resources/index.ts';
import type { Session } from '../../../domain/sessions/index.ts';
import {
  type ConsentPage,
  type ConsentScope,
  type ContinuePage,
  describeWhen,
} from '../../../platform/http/index.ts';

import { confirmsDestructive, connectionLifetime, isStranger } from '../trust.ts';

import type { Again } from './answer.ts';
import { type Offer, stepUpScopes } from './offer.ts';
import { describeRedirect } from './redirect.ts';

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
  const { client, registration, trust, identity, firstSeen } = offer;
  const { address, loopback, privateUse } = describeRedirect(offer.redirectUri);
  const website = httpsUrl(client.clientUri);
  return {
    name: displayedName(client.clientName ?? client.clientId, identity),
    logo,
    identifierHost: registration === 'document' ? new URL(client.clientId).host : undefined,
    identity,
    quoted: choseItsName(identity),
    registration,
    firstSeen: firstSeen && describeWhen(firstSeen, now),
    website: website?.host,
    links: choseItsName(identity) ? [] : linksOf(client),
    redirect: address,
    redirectIsLoopback: loopback,
    redirectIsPrivateUse: privateUse,
    localOnly: (client.redirectUris ?? []).every((uri) => !isWeb(uri)),
    untrusted: isStranger(trust),
  };
}

/** Returns the links of a client whose identity is confirmed; those of any other would lead where it likes. */
function linksOf({ clientUri, policyUri, tosUri }: Offer['client']): ConsentPage['client']['links'] {
  const links = [
    { label: 'Website', url: httpsUrl(clientUri) },
    { label: 'Privacy', url: httpsUrl(policyUri) },
    { label: 'Terms', url: httpsUrl(tosUri) },
  ];
  return links.flatMap(({ label, url }) => (url ? [{ label, href: url.href }] : []));
}

function httpsUrl(value: string | undefined): URL | undefined {
  const url = value === undefined ? null : URL.parse(value);
  return url?.protocol === 'https:' ? url : undefined;
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

/** What a page says when it is shown again, `name` standing for the client. */
const AGAIN: Readonly<Record<Again, (name: string) => string>> = {
  no_decision: () => 'Press “Allow access” or “Deny”.',
  nothing_ticked: (name) => `Nothing is ticked. Tick what ${name} may do, or press “Deny”.`,
  nothing_new: (name) =>
    `${name} asked for more just now, and will ask again without it. Tick it, or press “Allow access” once more to go on without it.`,
};

/** What the person ticked, when the page is shown again, and why it is. */
export interface ShownAgain {
  readonly again: Again;
  readonly ticked: readonly string[];
}

/**
 * Builds the consent page: each scope in a sentence, with the tools behind it. Nothing is preselected for an untrusted
 * client. For others what only reads is, what was allowed before, and what a step-up asks for; not what is destructive,
 * which is ticked each time, unless the client's trust level has it remembered.
 */
export function consentPage(
  offer: Offer,
  user: Session['user'],
  lifetimes: Lifetimes,
  { now, logo, shownAgain, ...frame }: Frame & { readonly shownAgain?: ShownAgain | undefined },
): ConsentPage {
  const { resource, trust, client } = offer;
  const stays = connectionLifetime(lifetimes, trust);
  const line = clientLine(offer, { now, logo });
  const scopes = [...offer.scopes, ...offer.beyond].map((scope) => consentScope(offer, scope));
  const ticked = shownAgain && new Set(shownAgain.ticked);
  return {
    ...frame,
    client: line,
    clientVersion: offer.key.clientVersion,
    changes: offer.changes.map(({ what, before, after }) => ({ label: CHANGES[what], before, after })),
    resource: { name: resource.name, identifier: resource.identifier },
    user: { name: user.name, email: user.email },
    scopes: ticked ? scopes.map((scope) => ({ ...scope, checked: ticked.has(scope.scope) })) : scopes,
    stepUp: stepUpScopes(offer).length > 0,
    withoutNew: shownAgain?.again === 'nothing_new',
    stayConnected: {
      offered: client.grantTypeAllowed('refresh_token'),
      idleDays: Math.round(stays.idle / DAY),
      absoluteDays: Math.round(stays.absolute / DAY),
    },
    ...(shownAgain ? { error: AGAIN[shownAgain.again](line.name) } : {}),
  };
}

function consentScope(offer: Offer, scope: string): ConsentScope {
  const { resource, remembered, held, trust } = offer;
  const known = resource.scopes.find((candidate) => candidate.scope === scope);
  const tools = resource.tools.filter((tool) => tool.scopes.includes(scope));
  const destructive = known?.destructive ?? false;
  const before = remembered.includes(scope) || held.includes(scope);
  const asked = offer.scopes.includes(scope);
  const stepUp = stepUpScopes(offer);
  const wanted = before || stepUp.includes(scope) || (asked && onlyReads(scope, destructive, tools));
  const confirmed = destructive && (confirmsDestructive(trust) || !before);
  const checked = wanted && !confirmed && !isStranger(trust);
  const keeps = stepUp.length > 0 && held.includes(scope);
  return {
    scope,
    sentence: known?.description ?? scope,
    tools: tools.map(({ name, title, effect }) => ({ name, title, effect })),
    destructive,
    checked,
    isNew: asked && !before && remembered.length + held.length > 0,
    group: asked ? (keeps ? 'held' : 'asked') : 'beyond',
  };
}

/** One click, for what was allowed before and where the redirect may not be followed unseen (RFC 8252 §8.6). */
export function continuePage(
  offer: Offer,
  user: Session['user'],
  { now, logo, ...frame }: Frame & { readonly chooseUrl: string },
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
