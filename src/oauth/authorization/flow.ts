import type { Middleware } from 'koa';
import type { KoaContextWithOIDC } from 'oidc-provider';
import type { AnonymousRecorder } from '../../domain/audit/index.ts';
import { anonymously, byUser } from '../../kernel/cause.ts';
import { flowId } from '../../kernel/ids.ts';
import { originOf, type RequestState } from '../../platform/http/index.ts';

import { resourceOf } from './configuration/resources.ts';
import { describeRedirect } from './interaction/redirect.ts';

/** Of the interaction, where it answers and where it is resumed. */
const OWN = /^\/(?:interaction|authorize)\/([\w-]{20,64})(?:\/done)?$/;
/** At the end of where a sign-in leads back to, or of where a browser is sent to. */
const INTERACTION = /\/interaction\/([\w-]{20,64})$/;

/**
 * Says of each request that belongs to an authorization to which one, so that its records can be told
 * together: of the interaction itself, and of a sign-in that leads back to it.
 */
export const carryFlow: Middleware = async (ctx, next) => {
  const { continue: wayBack } = ctx.query;
  const signIn = ctx.path.startsWith('/sign-in') && typeof wayBack === 'string';
  const uid = OWN.exec(ctx.path)?.[1] ?? (signIn ? INTERACTION.exec(wayBack)?.[1] : undefined);
  if (uid !== undefined) (ctx.state as RequestState).flow = flowId(uid);
  return next();
};

/**
 * Records that an authorization now waits for a person: who asks, for what, and where the answer would go.
 * Without it nobody could tell one that was never answered from one that never came.
 */
export async function recordStarted(
  anonymous: Pick<AnonymousRecorder, 'record'>,
  ctx: KoaContextWithOIDC,
): Promise<void> {
  const uid = INTERACTION.exec(String(ctx.res.getHeader('Location') ?? ''))?.[1];
  if (uid === undefined) return;
  const { client, session, params, entities } = ctx.oidc;
  const origin = originOf(ctx);
  const flow = flowId(uid);
  const again = origin.flow !== undefined;
  const within = { ...origin, flow: origin.flow ?? flow };
  await anonymous.record(
    {
      event: 'authorization.started',
      outcome: 'success',
      tenant: resourceOf(ctx)?.tenantId,
      subject: session?.accountId,
      client: client?.clientId,
      resource: resourceOf(ctx)?.identifier,
      scopes: String(params?.['scope'] ?? '')
        .split(' ')
        .filter(Boolean),
      detail: {
        // What the person is asked for first.
        prompt: entities.Interaction?.prompt.name,
        redirect_host: redirectHost(String(params?.['redirect_uri'])),
        ...(again ? { goes_on_as: flow } : {}),
      },
    },
    session?.accountId === undefined ? anonymously(within) : byUser(session.accountId, within),
    { distinct: flow },
  );
}

/** Returns the host of a redirect, or all of what names the program that a private-use one opens. */
function redirectHost(redirectUri: string): string {
  const { address, privateUse } = describeRedirect(redirectUri);
  return privateUse ? address : new URL(redirectUri).host;
}
