import { setTimeout as delay } from 'node:timers/promises';
import { removeClient } from '../../../src/domain/clients/index.ts';
import { revokeGrantsOf } from '../../../src/domain/grants/index.ts';
import type { Cause } from '../../../src/kernel/cause.ts';
import { newId } from '../../../src/kernel/ids.ts';
import type { Facts, Kind } from '../history.ts';

import { asAdministrator } from './answers.ts';
import { registerClient, type Scene, type Seat } from './scene.ts';

const ACTOR = 'administrator';

const commanded = (requestId: string): Cause => ({ requestId, actor: { type: 'command_line', id: ACTOR } });

/** Disables people and enables them again, and removes clients, each until it is acknowledged. */
export async function administrate(scene: Scene, seats: readonly Seat[]): Promise<void> {
  const { world, over } = scene;
  const random = scene.random.fork(ACTOR);
  const { users } = world.server.installation;
  const { prisma } = world.server.database;

  while (!over()) {
    await delay(random.int(600, 2_500));
    const seat = random.pick(seats);
    if (random.chance(0.6)) {
      const { id } = seat.person;
      await untilDone('disable', { user: id }, (request) => users.disable(id, commanded(request)));
      await delay(random.int(0, 600));
      await untilDone('enable', { user: id }, (request) => users.enable(id, commanded(request)));
    } else {
      const { clientId } = seat;
      await untilDone('remove-client', { client: clientId }, (request) =>
        removeClient({ prisma, revokeGrantsOf }, clientId, commanded(request)),
      );
      seat.clientId = await persistently(() => registerClient(world));
    }
  }

  async function untilDone(
    kind: Kind,
    facts: Facts,
    act: (request: string) => Promise<unknown>,
  ): Promise<void> {
    const series = scene.history.newSeries();
    for (;;) {
      const request = newId('req');
      const { answer } = await scene.history.record({ actor: ACTOR, kind, series, ...facts }, () =>
        asAdministrator(request, () => act(request)),
      );
      if (answer.is === 'done' && kind !== 'enable') scene.onRevoked();
      // A client that is not there any more was removed by an earlier try.
      if (answer.is !== 'unavailable') return;
      await delay(100);
    }
  }
}

/** For what has to be there before anything can be asked: until the store takes it. */
export async function persistently<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch {
      await delay(100);
    }
  }
}
