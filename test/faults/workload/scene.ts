import { addClient } from '../../../src/domain/clients/index.ts';
import { DEFAULT_TENANT } from '../../../src/kernel/ids.ts';
import { addPerson, CALLBACK, type Person } from '../../support/flow.ts';
import { cause } from '../../support/server.ts';
import type { History } from '../history.ts';
import type { Random } from '../random.ts';
import type { World } from '../world/world.ts';

/** What all actors share. */
export interface Scene {
  readonly world: World;
  readonly history: History;
  readonly random: Random;
  /** Whether the actors are to come to an end. */
  over(): boolean;
  /** Called at every acknowledged revocation, before anybody does anything else. */
  onRevoked(): void;
}

/** A program on somebody's machine: what it is registered as may be removed, and then it registers again. */
export interface Seat {
  readonly name: string;
  readonly person: Person;
  clientId: string;
}

/** People, and programs for each of them. */
export async function takeSeats(world: World, people: number, seats: number): Promise<readonly Seat[]> {
  const persons = await Promise.all(Array.from({ length: people }, () => addPerson(world.server)));
  return Promise.all(
    Array.from({ length: seats }, async (_, n) => {
      const person = persons[n % people];
      if (!person) throw new Error('there are no people');
      return { name: `client ${n + 1}`, person, clientId: await registerClient(world) };
    }),
  );
}

export async function registerClient({ server }: Pick<World, 'server'>): Promise<string> {
  const added = await addClient(
    server.database.prisma,
    { tenantId: DEFAULT_TENANT, name: 'A program', redirectUris: [CALLBACK] },
    cause,
  );
  return added.clientId;
}
