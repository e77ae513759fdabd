import type { KoaContextWithOIDC } from 'oidc-provider';
import type { Pool } from 'pg';

import { type ErrorPage, originOf, type Views } from '../platform/http/index.ts';

import { clientRequestUrl } from './client-request/routes.ts';
import { reasonOf } from './reasons.ts';
import { remediesFor } from './stale-client.ts';

/** What the library would say outside. */
interface Out {
  readonly error: string;
  readonly error_description?: string | undefined;
}

interface Words {
  readonly title: string;
  readonly explanation: string;
  readonly advice: string;
}

const NOT_LET_IN: Words = {
  title: 'This program is not let in here',
  explanation:
    'Whoever runs this server decides which programs may connect, and this one is not among them. Nothing was asked of it, and nothing was granted to it.',
  advice: 'If you need it, ask whoever runs this server, and tell them its address.',
};

/** What a person reads when a client sent them here with a request that cannot be answered to the client: by reason. */
const BY_REASON: Readonly<Record<string, Words>> = {
  interaction_ended: {
    title: 'This authorization has ended',
    explanation: 'It was answered already, took too long, or was started in another browser.',
    advice: 'Go back to the program that sent you here and start again.',
  },
  client_blocked: {
    title: 'This program is blocked here',
    explanation:
      'Whoever runs this server does not let this program connect to anything. Nothing was granted.',
    advice: 'If you need it, ask whoever runs this server.',
  },
  client_not_allowed: NOT_LET_IN,
  client_documents_off: NOT_LET_IN,
  client_awaits_review: {
    title: 'This program is not let in yet',
    explanation:
      'Whoever runs this server decides which programs may connect, and has not looked at this one. Nothing was asked of it, and nothing was granted to it.',
    advice: 'If you need it, ask for it here.',
  },
  client_document: {
    title: 'This program could not be identified',
    explanation:
      'It says who it is in a document at a web address, and that document could not be read or is not valid.',
    advice:
      'Try again in a few seconds. If it keeps happening, tell the makers of the program what it says here.',
  },
  client_document_url: {
    title: 'This program could not be identified',
    explanation:
      'It says who it is by a web address that is not written in the one form in which such an address counts.',
    advice: 'Tell the makers of the program what it says here.',
  },
};

/** The same by error code. */
const BY_ERROR: Readonly<Record<string, Words>> = {
  invalid_client: {
    title: 'This program is not known here',
    explanation:
      'The program that sent you here identified itself with a client ID that this server does not know, or no longer accepts.',
    advice:
      'Nothing is wrong with your account. Make the program forget the client ID that it has saved, and connect again. If it keeps happening, ask whoever runs this server to register the program.',
  },
  invalid_redirect_uri: {
    title: 'We will not send you on from here',
    explanation:
      'The request asked us to send you to an address that is not registered for this program. That can be a mistake, or somebody trying to take over your connection.',
    advice:
      'Close this page. If you started this yourself, tell the makers of the program what it says here.',
  },
};

const OTHERWISE: Words = {
  title: 'This request cannot be answered',
  explanation: 'The program that sent you here made a request that is not valid.',
  advice:
    'Go back to that program and start again. If it keeps happening, tell its makers what it says here.',
};

export interface ErrorDeps {
  readonly views: Views;
  readonly pool: Pool;
  /** Path of the issuer, `''` when it has none. */
  readonly basePath: string;
  /** Where a client can register anew, if strangers can. */
  readonly registrationEndpoint: string | undefined;
}

/** A client that is named by a URL, and not let in. */
const UNADMITTED: ReadonlySet<string> = new Set([
  'client_not_allowed',
  'client_documents_off',
  'client_awaits_review',
]);

/** A client that was never registered, or is so no more. */
const STALE: ReadonlySet<string> = new Set(['unknown_client', 'client_removed']);

/**
 * Answers an error that must not be sent to a redirect URI: a page at the authorization endpoint,
 * OAuth JSON everywhere else, whatever the caller accepts (RFC 6749 §4.1.2.1, §5.2).
 *
 * One answer at the authorization endpoint is for programs too: some ask there, for JSON, whether the client
 * ID that they have saved is still good, and register anew when it is not.
 */
export async function renderProviderError(
  { views, pool, basePath, registrationEndpoint }: ErrorDeps,
  ctx: KoaContextWithOIDC,
  out: Out,
  error: Error,
): Promise<void> {
  const { route, params } = ctx.oidc;
  if (route !== 'authorization' && route !== 'resume') {
    ctx.type = 'json';
    ctx.body = out;
    return;
  }
  const reason = reasonOf(error);
  const stale = STALE.has(reason);
  if (stale && ctx.accepts('html', 'json') === 'json') {
    ctx.type = 'json';
    ctx.body = {
      error: out.error,
      error_description: 'the client is not registered here, or not any more; register it anew',
      ...(registrationEndpoint === undefined ? {} : { registration_endpoint: registrationEndpoint }),
    };
    return;
  }
  const words = BY_REASON[reason] ?? BY_ERROR[out.error] ?? OTHERWISE;
  const { requestId } = originOf(ctx);
  const asked = { clientId: params?.['client_id'], redirectUri: params?.['redirect_uri'] };
  await views.render(
    ctx,
    'error',
    {
      ...words,
      ...(stale ? { remedies: await remediesFor(pool, asked) } : {}),
      ...aboutClient(reason, params, basePath),
      requestId,
      forOperator: `gatehouse trace ${requestId}`,
      code: [out.error, out.error_description].filter(Boolean).join(': '),
    },
    { status: ctx.status },
  );
}

/** Which program it is that is not let in, and where it can be asked for. */
function aboutClient(
  reason: string,
  params: KoaContextWithOIDC['oidc']['params'],
  basePath: string,
): Pick<ErrorPage, 'subject' | 'action'> {
  const client = params?.['client_id'];
  if (typeof client !== 'string' || !UNADMITTED.has(reason)) return {};
  if (reason !== 'client_awaits_review') return { subject: client };
  const href = clientRequestUrl(basePath, { client, resource: params?.['resource'] });
  return { subject: client, action: { href, label: 'Ask for this program' } };
}
