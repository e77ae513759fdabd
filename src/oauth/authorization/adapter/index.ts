import type { AdapterFactory } from 'oidc-provider';

import type { Sealer } from '../../../platform/crypto/box.ts';

import { type ClientAdapterDeps, clientAdapter } from './client.ts';
import { codeAdapter } from './code.ts';
import { replayAdapter } from './replay.ts';
import { sealedState } from './sealed-state.ts';

/**
 * What the library keeps, and where. Sessions, grants, refresh tokens and access tokens are ours
 * and never pass through here: asking for one of those models is a fault and says so.
 */
export function createAdapters(
  deps: ClientAdapterDeps & {
    readonly sealer: Sealer;
    /** Seconds. */
    readonly codeLifetime: number;
  },
): AdapterFactory {
  return (model) => {
    switch (model) {
      case 'Client':
        return clientAdapter(deps);
      case 'AuthorizationCode':
        return codeAdapter(deps);
      case 'Interaction':
        return sealedState('interaction', deps);
      case 'ReplayDetection':
        return replayAdapter(deps);
      default:
        throw new Error(`no storage for ${model}: it is not one of our models`);
    }
  };
}
