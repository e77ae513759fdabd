import type Router from '@koa/router';
import type { Context } from 'koa';
import {
  endConnections,
  forgetConsent,
  listConnections,
  listConsents,
  listSecurityEnds,
} from '../domain/grants/index.ts';
import type { Session } from '../domain/sessions/index.ts';
import { describeRevocationDelay } from '../domain/tokens/index.ts';
import { byUser } from '../kernel/cause.ts';
import { NotFound } from '../kernel/errors.ts';
import { originOf } from '../platform/http/index.ts';

import { connectedClients, nameOf, type PersonAccess, securityEnds } from './connections-page.ts';
import type { AccountDeps } from './deps.ts';
import { frameOf } from './frame.ts';
import { factorReview } from './review-factors.ts';
import { createSignedIn, seeOther } from './signed-in.ts';

/**
 * `/account`: which clients act in the person's name, at which servers, and how to end that.
 *
 * Each end has a page that says what stops working, and how soon, with one form, so that it works without
 * scripts and cannot be caused by a link.
 */
export function addConnections(router: Router, deps: AccountDeps): void {
  const { config, database, forms, views, basePath, clock } = deps;
  const { prisma } = database;
  const signedIn = createSignedIn(deps);
  const path = `${basePath}/account`;
  const delay = describeRevocationDelay(config.lifetimes.accessToken);

  router.get(
    '/account',
    signedIn(async (ctx, session) => {
      await views.render(ctx, 'account/connections', {
        ...frameOf(ctx, session, basePath, delay),
        ...(await factorReview(deps, session, path)),
        ...connectedClients(await accessOf(session), { path, now: clock() }),
        securityEnds: securityEnds(await listSecurityEnds(prisma, session.user.id), clock()),
      });
    }),
  );

  router.get(
    '/account/connections/end',
    signedIn(async (ctx, session) => {
      const client = clientOf(ctx);
      const found = await accessOf(session, client);
      const all = [...found.connections, ...found.consents];
      if (all.length === 0) throw new NotFound('there is no such connection');
      const [first] = all;
      const name = client === undefined || first === undefined ? undefined : nameOf(first.client);
      await views.render(ctx, 'account/confirm', {
        csrf: forms.token(ctx),
        action: `${path}/connections/end${client === undefined ? '' : `?client=${encodeURIComponent(client)}`}`,
        title: name === undefined ? 'End all connections?' : `End all connections of ${name}?`,
        consequences: [
          ...lossOf(found, name),
          'Everything that you allowed before is forgotten: to connect again, a program has to ask you.',
        ],
        button: name === undefined ? 'End all connections' : 'End connections',
        backUrl: path,
      });
    }),
  );

  router.post(
    '/account/connections/end',
    signedIn(async (ctx, session) => {
      await forms.read(ctx);
      await endConnections(
        prisma,
        session.user.id,
        { clientId: clientOf(ctx) },
        byUser(session.user.id, originOf(ctx)),
      );
      seeOther(ctx, `${path}?done=connections-ended`);
    }),
  );

  router.get(
    '/account/connections/:id/end',
    signedIn(async (ctx, session) => {
      const { connections } = await accessOf(session);
      const connection = connections.find(({ id }) => id === ctx.params['id']);
      if (!connection) throw new NotFound('there is no such connection');
      const { client, resource, network } = connection;
      await views.render(ctx, 'account/confirm', {
        csrf: forms.token(ctx),
        action: `${path}/connections/${connection.id}/end`,
        title: 'End this connection?',
        consequences: [
          `${nameOf(client)} loses its access to ${resource.name}${network === undefined ? '' : `, where it was connected from ${network},`} ${delay}.`,
          `What you allowed it there is forgotten: to connect again, it has to ask you. Your other connections go on.`,
        ],
        button: 'End connection',
        backUrl: path,
      });
    }),
  );

  router.post(
    '/account/connections/:id/end',
    signedIn(async (ctx, session) => {
      await forms.read(ctx);
      await endConnections(
        prisma,
        session.user.id,
        { grantId: ctx.params['id'] ?? '' },
        byUser(session.user.id, originOf(ctx)),
      );
      seeOther(ctx, `${path}?done=connection-ended`);
    }),
  );

  router.get(
    '/account/consents/:id/forget',
    signedIn(async (ctx, session) => {
      const { consents } = await accessOf(session);
      const consent = consents.find(({ id }) => id === ctx.params['id']);
      if (!consent) throw new NotFound('there is no such consent');
      const { client, resource } = consent;
      await views.render(ctx, 'account/confirm', {
        csrf: forms.token(ctx),
        action: `${path}/consents/${consent.id}/forget`,
        title: `Forget what you allowed ${nameOf(client)}?`,
        consequences: [
          `The next time that ${nameOf(client)} wants to use ${resource.name}, it has to ask you for everything.`,
          'Its present connections go on until you end them.',
        ],
        button: 'Forget',
        backUrl: path,
      });
    }),
  );

  router.post(
    '/account/consents/:id/forget',
    signedIn(async (ctx, session) => {
      await forms.read(ctx);
      await forgetConsent(
        prisma,
        session.user.id,
        ctx.params['id'] ?? '',
        byUser(session.user.id, originOf(ctx)),
      );
      seeOther(ctx, `${path}?done=consent-forgotten`);
    }),
  );

  async function accessOf({ user }: Session, clientId?: string): Promise<PersonAccess> {
    const [connections, consents] = await Promise.all([
      listConnections(prisma, user.id),
      listConsents(prisma, user.id),
    ]);
    const ofClient = ({ client }: { readonly client: { readonly id: string } }) =>
      clientId === undefined || client.id === clientId;
    return { connections: connections.filter(ofClient), consents: consents.filter(ofClient) };
  }

  /** Says which access ends and how soon; empty if only remembered consent ends. */
  function lossOf({ connections }: PersonAccess, name: string | undefined): readonly string[] {
    if (connections.length === 0) return [];
    return [
      name === undefined
        ? `Every program loses its access ${delay}: ${listed(connections.map(({ client }) => nameOf(client)))}.`
        : `${name} loses its access to ${listed(connections.map(({ resource }) => resource.name))} ${delay}, on every device.`,
    ];
  }
}

function clientOf(ctx: Context): string | undefined {
  const { client } = ctx.query;
  if (Array.isArray(client)) throw new NotFound('one client at a time');
  return client;
}

const lists = new Intl.ListFormat('en-GB');

function listed(names: readonly string[]): string {
  return lists.format(new Set(names));
}
