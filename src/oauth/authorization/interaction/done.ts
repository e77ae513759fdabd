import type Provider from 'oidc-provider';

import { shortName } from '../../../domain/admission/index.ts';
import type { DonePage } from '../../../platform/http/index.ts';

import { findIfThere } from './purpose.ts';
import { describeRedirect } from './redirect.ts';
import type { FinishedRedirect } from './repeatable-redirect.ts';
import type { UnderWay } from './under-way.ts';

/**
 * Whether the answer opens a program by a private-use scheme (RFC 8252 §7.1). A browser that follows such a
 * redirect goes on showing the page that it was on, so that should be one that says what happens.
 */
export function leavesBrowser({ params }: Pick<UnderWay, 'params'>): boolean {
  return describeRedirect(String(params['redirect_uri'])).privateUse;
}

/**
 * The page between the answer and the program; `undefined` where there is none to show, because nothing was
 * answered yet or the redirect is not of that kind.
 *
 * The code is not made before the browser goes on from here, and never stands on a page: a link on a page stays in
 * the history, where it could present the code twice and end the connection (RFC 6749 §4.1.2). On phones the
 * browser goes on by a click alone, since those open no program without one.
 */
export async function donePage(
  provider: Provider,
  underWay: UnderWay,
  { mobile }: { readonly mobile: boolean },
): Promise<DonePage | undefined> {
  const { params, result, returnTo } = underWay;
  if (!result || !leavesBrowser(underWay)) return undefined;
  return pageOf(provider, {
    clientId: String(params['client_id']),
    redirectUri: String(params['redirect_uri']),
    allowed: !('error' in result),
    continueUrl: returnTo,
    mobile,
  });
}

/** Builds the same page for a browser that went on already, and may go on to the same redirect again. */
export function repeatedDonePage(
  provider: Provider,
  { clientId, redirectUri, location }: FinishedRedirect,
  browser: { readonly continueUrl: string; readonly mobile: boolean },
): Promise<DonePage> {
  const allowed = new URL(location).searchParams.has('code');
  return pageOf(provider, { clientId, redirectUri, allowed, ...browser });
}

async function pageOf(
  provider: Provider,
  shown: {
    readonly clientId: string;
    readonly redirectUri: string;
    readonly allowed: boolean;
    readonly continueUrl: string;
    readonly mobile: boolean;
  },
): Promise<DonePage> {
  const client = await findIfThere(provider, shown.clientId);
  return {
    client: shortName(client?.clientName ?? shown.clientId),
    redirect: describeRedirect(shown.redirectUri).address,
    allowed: shown.allowed,
    continueUrl: shown.continueUrl,
    byItself: !shown.mobile,
  };
}
