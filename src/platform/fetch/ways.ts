import { createGuardedFetch } from './create.ts';
import type { Outbound, Ways } from './fetch.ts';
import { createFetchThread } from './thread/in-thread.ts';
import type { OutboundModule } from './thread/messages.ts';

/**
 * The ways out of a server: in a thread of their own, unless the network is one that only this thread can reach.
 * `ended` is told why the thread ended, when nobody asked it to.
 */
export function openWays({
  outbound,
  ended,
}: {
  /** The network of this machine, unless said otherwise. */
  readonly outbound?: Outbound | OutboundModule | undefined;
  readonly ended?: (error: unknown) => void;
}): Ways {
  if (outbound && 'dial' in outbound)
    return { open: () => createGuardedFetch({ outbound }), close: async () => {} };
  return createFetchThread({ outbound, ...(ended ? { ended } : {}) });
}
