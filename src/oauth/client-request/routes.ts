import Router from '@koa/router';
import type { Context } from 'koa';
import {
  type AskOutcome,
  askForClient,
  type DocumentMode,
  judgeDocument,
  MAX_REASON,
  nameOfClient,
  type RequestBounds,
  requestOf,
} from '../../domain/admission/index.ts';
import { findResource } from '../../domain/resources/index.ts';
import type { Session } from '../../domain/sessions/index.ts';
import { rolesOf } from '../../domain/tenants/index.ts';
import { byUser } from '../../kernel/cause.ts';
import type { Database } from '../../platform/database/index.ts';
import {
  type Form,
  FormForged,
  type Forms,
  field,
  HttpError,
  originOf,
  type Views,
} from '../../platform/http/index.ts';
import { noteRefusal } from '../refusals/refusal.ts';
import { wordsOf } from '../refusals/words.ts';

/** Where a person asks for a client, under the issuer's path. */
const PATH = '/client-request';

/** A person asked for a client: what an administrator should hear of. */
export interface ClientRequested {
  readonly client: string;
  readonly tenant: string;
  readonly subject: string;
}

interface Deps {
  /** The tenant that counts where a request names no other. */
  readonly defaultTenant: string;
  readonly database: Database;
  readonly documents: DocumentMode;
  readonly bounds: RequestBounds;
  readonly forms: Forms;
  readonly views: Views;
  /** Path of the issuer, `''` when it has none. */
  readonly basePath: string;
  readonly currentSession: (ctx: Context) => Promise<Session | undefined>;
  readonly clientRequested: (request: ClientRequested) => void;
}

/** The address of the page on which a person asks for this client, which wanted to be let in at this server. */
export function clientRequestUrl(
  basePath: string,
  { client, resource }: { readonly client: string; readonly resource: unknown },
): string {
  const query = new URLSearchParams({ client, ...(typeof resource === 'string' ? { resource } : {}) });
  return `${basePath}${PATH}?${query}`;
}

/**
 * `/client-request`: where programs that nobody here knows wait for an administrator (`review`), a person who is
 * signed in asks for one, with a word why.
 *
 * The address says which program and at which server, and anybody can write it; what it does is to show
 * both, and only a form of ours asks. Nothing is fetched from the program before it is let in. Who does not
 * belong to the tenant of the server asks for nothing, and learns nothing of it.
 */
export function clientRequestRoutes(deps: Deps): Router {
  const { database, documents, bounds, forms, views, basePath, currentSession, clientRequested } = deps;
  const { pool, prisma } = database;
  const router = new Router();
  if (documents !== 'review') return router;

  router.get(PATH, async (ctx) => {
    const session = await currentSession(ctx);
    if (!session) return seeOther(ctx, `${basePath}/sign-in?continue=${encodeURIComponent(here(ctx))}`);
    const asked = await askedOf(ctx, session);
    const verdict = await judgeDocument(pool, { url: asked.client, tenantId: asked.tenantId, documents });
    if (!verdict.allowed && verdict.reason !== 'client_awaits_review')
      throw refused(ctx, asked, verdict.reason);
    const before = await requestOf(prisma, {
      tenantId: asked.tenantId,
      userId: session.user.id,
      clientId: asked.client,
    });
    await show(ctx, session, asked, verdict.allowed ? 'allowed' : before === 'approved' ? 'none' : before);
  });

  router.post(PATH, async (ctx) => {
    const form = await readForm(ctx);
    const session = await currentSession(ctx);
    if (!session) throw refused(ctx, undefined, 'not_signed_in', 403);
    const asked = await askedOf(ctx, session);
    const { client, tenantId } = asked;
    const verdict = await judgeDocument(pool, { url: client, tenantId, documents });
    if (verdict.allowed) return seeOther(ctx, here(ctx));
    if (verdict.reason !== 'client_awaits_review') throw refused(ctx, asked, verdict.reason);

    const outcome = await askForClient(
      prisma,
      { tenantId, userId: session.user.id, clientId: client, reason: field(form, 'reason') },
      bounds,
      byUser(session.user.id, originOf(ctx)),
    );
    if (outcome === 'asked') clientRequested({ client, tenant: tenantId, subject: session.user.id });
    const full = FULL[outcome];
    if (full === undefined) return seeOther(ctx, here(ctx));
    noteRefusal(ctx, {
      event: 'request.throttled',
      outcome: 'refused',
      reason: outcome,
      tenant: tenantId,
      subject: session.user.id,
      client,
    });
    await show(ctx, session, asked, 'none', full);
  });

  return router;

  async function show(
    ctx: Context,
    { user }: Session,
    { client, resource }: Asked,
    state: 'none' | 'waiting' | 'rejected' | 'allowed',
    error?: string,
  ): Promise<void> {
    const page = {
      csrf: forms.token(ctx),
      action: here(ctx),
      error,
      state,
      client: { host: new URL(client).host, url: client },
      resource,
      user: { name: user.name, email: user.email },
      notYouUrl: `${basePath}/sign-in?continue=${encodeURIComponent(here(ctx))}&reauth=1`,
      maxReason: MAX_REASON,
    };
    await views.render(ctx, 'client-request', page, { status: error === undefined ? 200 : 429 });
  }

  /** This page again. */
  function here(ctx: Context): string {
    return clientRequestUrl(basePath, { client: once(ctx, 'client'), resource: ctx.query['resource'] });
  }

  /** @throws HttpError 400, with a record, when the address names nothing that this person can ask for. */
  async function askedOf(ctx: Context, { user }: Session): Promise<Asked> {
    const client = nameOfClient(once(ctx, 'client'));
    if (client === undefined) throw refused(ctx, undefined, 'client_document_url');
    const named = ctx.query['resource'];
    const resource = typeof named === 'string' ? await findResource(pool, named) : undefined;
    if (named !== undefined && !resource) throw refused(ctx, undefined, 'resource_unknown');
    const tenantId = resource?.tenantId ?? deps.defaultTenant;
    if ((await rolesOf(prisma, user.id, tenantId)).length === 0) {
      throw refused(ctx, undefined, 'resource_unknown');
    }
    return {
      client,
      tenantId,
      resource: resource && { name: resource.name, identifier: resource.identifier },
    };
  }

  async function readForm(ctx: Context): Promise<Form> {
    try {
      return await forms.read(ctx);
    } catch (error) {
      if (error instanceof FormForged) refused(ctx, undefined, `form_${error.reason}`);
      throw error;
    }
  }

  function refused(ctx: Context, asked: Asked | undefined, reason: string, status = 400): HttpError {
    noteRefusal(ctx, {
      event: 'client.requested',
      outcome: 'refused',
      reason,
      tenant: asked?.tenantId,
      client: asked?.client,
    });
    return new HttpError(
      status,
      status === 403 ? 'access_denied' : 'invalid_request',
      'this program cannot be asked for',
      {},
      status === 400 ? wordsOf(reason) : undefined,
    );
  }
}

/** What a person asks for, and where. */
interface Asked {
  readonly client: string;
  readonly tenantId: string;
  readonly resource: { readonly name: string; readonly identifier: string } | undefined;
}

/** What a person is told whose request did not fit. */
const FULL: Readonly<Partial<Record<AskOutcome, string>>> = {
  too_many_client_requests:
    'You have asked for several programs already. Wait until they are decided, and ask again.',
  client_requests_full:
    'Too many requests wait to be decided. Tell whoever runs this server, and ask again later.',
};

function once(ctx: Context, name: string): string {
  const value = ctx.query[name];
  return typeof value === 'string' ? value : '';
}

/** RFC 9110 §15.4.4: after a form, look at a page; reloading it sends nothing again. */
function seeOther(ctx: Context, location: string): void {
  ctx.set('Cache-Control', 'no-store');
  ctx.redirect(location);
  ctx.status = 303;
}
