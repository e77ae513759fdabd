import type { KoaContextWithOIDC } from 'oidc-provider';
import type { Pool } from 'pg';
import { GATEHOUSE } from '../../kernel/command-line.ts';

import { type ErrorPage, originOf, type Views } from '../../platform/http/index.ts';

import { clientRequestUrl } from '../client-request/routes.ts';
import { reasonOf } from './reasons.ts';
import { remediesFor } from './stale-client.ts';
import { namedByAddress, wordsOf } from './words.ts';

/** What the library would say outside. */
interface Out {
  readonly error: string;
  readonly error_description?: string | undefined;
}

export interface ErrorDeps {
  readonly views: Views;
  readonly pool: Pool;
  /** Path of the issuer, `''` when it has none. */
  readonly basePath: string;
  /** Where a client can register anew, if strangers can. */
  readonly registrationEndpoint: string | undefined;
  /** Whether the issuer is on loopback, so that the reader runs this server. */
  readonly onLoopback: boolean;
}

/** What is said of a client that is named by an address, and for whose address somebody will ask. */
const ABOUT_ADDRESS: ReadonlySet<string> = new Set([
  'client_not_allowed',
  'client_documents_off',
  'client_awaits_review',
  'client_removed',
  'client_blocked',
  'client_document',
  'client_document_url',
]);

/** A client that was never registered, or is so no more; one that is named by its address has no ID to forget. */
const STALE: ReadonlySet<string> = new Set(['unknown_client', 'client_removed']);

/**
 * Answers an error that must not be sent to a redirect URI: a page at the authorization endpoint,
 * OAuth JSON everywhere else, whatever the caller accepts (RFC 6749 §4.1.2.1, §5.2).
 *
 * One answer at the authorization endpoint is for programs too: some ask there, for JSON, whether the client
 * ID that they have saved is still good, and register anew when it is not.
 */
export async function renderProviderError(
  { views, pool, basePath, registrationEndpoint, onLoopback }: ErrorDeps,
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
  const stale = STALE.has(reason) && !namedByAddress(params?.['client_id']);
  if (stale && ctx.accepts('html', 'json') === 'json') {
    ctx.type = 'json';
    ctx.body = {
      error: out.error,
      error_description: 'the client is not registered here, or not any more; register it anew',
      ...(registrationEndpoint === undefined ? {} : { registration_endpoint: registrationEndpoint }),
    };
    return;
  }
  const { requestId } = originOf(ctx);
  const asked = { clientId: params?.['client_id'], redirectUri: params?.['redirect_uri'] };
  await views.render(
    ctx,
    'error',
    {
      ...wordsOf(reason, { error: out.error, client: params?.['client_id'], onLoopback }),
      ...(stale ? { remedies: await remediesFor(pool, asked) } : {}),
      ...aboutClient(reason, params, basePath),
      requestId,
      forOperator: `${GATEHOUSE} trace ${requestId}`,
      code: [out.error, out.error_description].filter(Boolean).join(': '),
    },
    { status: ctx.status },
  );
}

/** Which program it is, where its address is its name, and where it can be asked for. */
function aboutClient(
  reason: string,
  params: KoaContextWithOIDC['oidc']['params'],
  basePath: string,
): Pick<ErrorPage, 'subject' | 'action'> {
  const client = params?.['client_id'];
  if (!namedByAddress(client) || !ABOUT_ADDRESS.has(reason)) return {};
  if (reason !== 'client_awaits_review') return { subject: client };
  const href = clientRequestUrl(basePath, { client, resource: params?.['resource'] });
  return { subject: client, action: { href, label: 'Ask for this program' } };
}
