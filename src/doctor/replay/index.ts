import { isLoopbackHost } from '../../kernel/loopback.ts';

import { isPrivateAddress } from '../addresses.ts';
import type { Examination } from '../examination.ts';
import type { ClientShape, Stage } from '../shape.ts';

import { playAuthorization } from './authorization.ts';
import { playDiscovery } from './discovery.ts';
import { removeRegistered } from './registering.ts';
import { playRegistration } from './registration.ts';
import { playResource } from './resource.ts';
import { type Play, type Replay, type ReplayOptions, type Step, stepsOf } from './step.ts';
import { playToken } from './token.ts';

export type { Step } from './step.ts';

/** What would become of one client here. */
export interface Diagnosis {
  readonly client: string;
  readonly name: string;
  /** What of it was replayed. */
  readonly version: string;
  /** `out_of_reach`: it runs on the internet, and this server does not. */
  readonly outcome: 'connects' | 'stops' | 'out_of_reach';
  readonly stoppedAt?: Stage;
  readonly steps: readonly Step[];
}

const STAGES: readonly Play[] = [playDiscovery, playRegistration, playAuthorization, playToken];

/** Whether what runs on the internet finds no way to this server. */
function isOutOfReach({ base, addresses }: Examination): boolean {
  if (isLoopbackHost(new URL(base).hostname)) return true;
  return addresses.length > 0 && addresses.every(isPrivateAddress);
}

/** Goes the way of one client, as far as it gets. */
export async function replay(
  examination: Examination,
  shape: ClientShape,
  options: ReplayOptions,
): Promise<Diagnosis> {
  const { id: client, name, version, redirectUri } = shape;
  const { hostname } = new URL(examination.base);
  if (shape.from === 'internet' && isOutOfReach(examination)) {
    const says = `runs on the internet and does not reach ${hostname}`;
    return {
      client,
      name,
      version,
      outcome: 'out_of_reach',
      steps: [stepsOf('discovery').not_checked(says)],
    };
  }
  const steps: Step[] = [];
  let at: Replay = { examination, shape, options, redirectUri };
  let end: Pick<Diagnosis, 'outcome' | 'stoppedAt'> = { outcome: 'connects' };
  try {
    const begin = examination.resource === undefined ? [] : [playResource];
    for (const play of [...begin, ...STAGES]) {
      // Nobody it could be: there is nothing to ask the token endpoint.
      if (play === playToken && at.clientId === undefined) break;
      const [step, after] = await play(at);
      at = after;
      steps.push(step);
      if (step.level === 'problem') {
        end = { outcome: 'stops', stoppedAt: step.stage };
        break;
      }
    }
  } finally {
    steps.push(...(await removeRegistered(at)));
  }
  return { client, name, version, ...end, steps };
}
