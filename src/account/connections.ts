import type Router from '@koa/router';
import type { Context } from 'koa';

import {
  type Connection,
  endConnections,
  listConnections,
  listSecurityEnds,
} from '../domain/grants/index.ts';
import type { Session } from '../domain/sessions/index.ts';
import { NotFound } from '../kernel/errors.ts';
import { originOf } from '../platform/http/index.ts';

import { connectedClients, securityEnds } from './connections-page.ts';
import type { AccountDeps } from './deps.ts';
import { frameOf } from './frame.ts';
import { createSignedIn, seeOther } from './signed-in.ts';

/**
 * `/account`: who acts in my name, where, and the end of it.
 *
 * Each end has a page that says what stops working, with one form, so that it works without scripts
 * and cannot be caused by a link.
 */
export function addConnections(router: Router, deps: AccountDeps): void {
  const { database, forms, views, basePath, clock } = deps;
  const { prisma } = database;
  const signedIn = createSignedIn(deps);
  const path = `${basePath}/account`;

  router.get(
    '/account',
    signedIn(async (ctx, session) => {
      const connections = await listConnections(prisma, session.user.id);
      await views.render(ctx, 'account/connections', {
        ...frameOf(ctx, session, basePath),
        ...connectedClients(connections, { path, now: clock() }),
        securityEnds: securityEnds(await listSecurityEnds(prisma, session.user.id), clock()),
      });
    }),
  );

  router.get(
    '/account/connections/end',
    signedIn(async (ctx, session) => {
      const client = clientOf(ctx);
      const found = await theirs(session, ({ client: { id } }) => client === undefined || id === client);
      const name = client === undefined ? undefined : found[0]?.client.name;
      await views.render(ctx, 'account/confirm', {
        csrf: forms.token(ctx),
        action: `${path}/connections/end${client === undefined ? '' : `?client=${encodeURIComponent(client)}`}`,
        title: name === undefined ? 'End all connections?' : `End all connections of ${name}?`,
        consequences: [
          name === undefined
            ? `Every program loses its access at once: ${namesOf(found)}.`
            : `${name} loses its access to ${serversOf(found)} at once, on every device.`,
          'What it is doing at this moment may fail. To connect again, it has to ask you.',
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
      await endConnections(prisma, session.user.id, { clientId: clientOf(ctx) }, originOf(ctx));
      seeOther(ctx, `${path}?done=connections-ended`);
    }),
  );

  router.get(
    '/account/connections/:id/end',
    signedIn(async (ctx, session) => {
      const [connection] = await theirs(session, ({ id }) => id === ctx.params['id']);
      if (!connection) throw new NotFound('there is no such connection');
      const { client, resource, network } = connection;
      await views.render(ctx, 'account/confirm', {
        csrf: forms.token(ctx),
        action: `${path}/connections/${connection.id}/end`,
        title: 'End this connection?',
        consequences: [
          `${client.name} loses its access to ${resource.name} at once${network === undefined ? '' : `, where it was connected from ${network}`}.`,
          'What it is doing at this moment may fail. To connect again, it has to ask you. Your other connections go on.',
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
      await endConnections(prisma, session.user.id, { grantId: ctx.params['id'] ?? '' }, originOf(ctx));
      seeOther(ctx, `${path}?done=connection-ended`);
    }),
  );

  async function theirs(
    { user }: Session,
    matches: (connection: Connection) => boolean,
  ): Promise<readonly Connection[]> {
    const found = (await listConnections(prisma, user.id)).filter(matches);
    if (found.length === 0) throw new NotFound('there is no such connection');
    return found;
  }
}

function clientOf(ctx: Context): string | undefined {
  const { client } = ctx.query;
  if (Array.isArray(client)) throw new NotFound('one client at a time');
  return client;
}

function namesOf(connections: readonly Connection[]): string {
  return listed(connections.map(({ client }) => client.name));
}

function serversOf(connections: readonly Connection[]): string {
  return listed(connections.map(({ resource }) => resource.name));
}

const lists = new Intl.ListFormat('en-GB');

function listed(names: readonly string[]): string {
  return lists.format(new Set(names));
}
