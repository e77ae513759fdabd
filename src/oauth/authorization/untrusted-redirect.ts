import type { Context } from 'koa';
import type { KoaContextWithOIDC } from 'oidc-provider';
import type { Pool } from 'pg';
import type { DocumentMode } from '../../domain/admission/index.ts';
import { displayedName } from '../../domain/admission/index.ts';
import { GATEHOUSE } from '../../kernel/command-line.ts';
import { originOf, type Views } from '../../platform/http/index.ts';

import { clientBeforeSignIn } from './before-sign-in.ts';
import { describeRedirect } from './interaction/redirect.ts';
import { isStranger } from './trust.ts';

interface Deps {
  readonly pool: Pool;
  /** What is done with clients that are named by a URL. */
  readonly documents: DocumentMode;
  /** The tenant that counts where a request names no other. */
  readonly defaultTenant: string;
  readonly views: Views;
}

/** Requests that ended with a code for the client. */
const succeeded = new WeakSet<object>();

/** Notes that the answer of this request is a code: its redirect was on a page that the person answered. */
export function noteSuccess(ctx: KoaContextWithOIDC): void {
  succeeded.add(ctx.req);
}

/**
 * Puts a page between an error and the website of an untrusted client (RFC 9700 §4.11.2): else a link to this server,
 * whose address people trust, leads at once to any website that registered itself as a client.
 *
 * Redirects at once where the person pressed "Deny" on a page that named the website, and to a loopback or a
 * private-use redirect: those lead to no website, and a program there waits for its answer.
 */
export function guardErrorRedirects({ pool, documents, defaultTenant, views }: Deps) {
  return async (ctx: Context): Promise<void> => {
    const { client, params, entities } = (ctx as unknown as KoaContextWithOIDC).oidc;
    const redirectUri = String(params?.['redirect_uri']);
    if (!client || succeeded.has(ctx.req)) return;
    const { address, loopback, privateUse } = describeRedirect(redirectUri);
    const denied = entities.Interaction?.result?.['reason'] === 'denied_by_user';
    if (loopback || privateUse || denied) return;
    const { trust, identity } = await clientBeforeSignIn(
      { pool, documents, defaultTenant },
      client,
      redirectUri,
    );
    if (!isStranger(trust) && trust !== 'blocked') return;

    const href = String(ctx.res.getHeader('Location'));
    const answered = new URL(href).searchParams;
    ctx.remove('Location');
    const { requestId } = originOf(ctx);
    await views.render(
      ctx,
      'error',
      {
        title: 'Nothing was allowed',
        explanation: `A program that is not verified here sent you, with a request that could not be answered. It calls itself “${displayedName(client.clientName ?? client.clientId, identity)}”, and wants to send you on to ${address}, a website that this server does not know.`,
        advice: 'Go on only if you started this yourself and know the website. Otherwise close this page.',
        action: { href, label: `Go on to ${address}` },
        requestId,
        forOperator: `${GATEHOUSE} trace ${requestId}`,
        code: [answered.getAll('error').at(-1), answered.getAll('error_description').at(-1)]
          .filter(Boolean)
          .join(': '),
      },
      { status: 400 },
    );
  };
}
