import { networkKey, type Throttle, Throttled, type Verdict } from '../platform/throttle/index.ts';

/** Which limit was reached; the reason in the audit record. */
export type LimitReached = 'account_and_network' | 'account' | 'network' | 'steps';

/** A sign-in that is not looked at, because there were too many. */
export class SignInThrottled extends Throttled {
  readonly reason: LimitReached;

  constructor(reason: LimitReached, retryAfter: number) {
    super(retryAfter);
    this.reason = reason;
  }
}

/** Who guesses, about whom. */
interface Guess {
  readonly email: string;
  readonly network: string;
  /** The person signed in from this network before. */
  readonly knowsNetwork: boolean;
}

/** How often somebody may try to sign in. Every function throws SignInThrottled at its limit. */
export interface SignInLimits {
  /** Before a step that costs us something and proves nothing: an attempt begun, a password hashed. */
  step(network: string): Promise<void>;
  /** Before a password and code are judged. */
  guess(guess: Guess): Promise<void>;
  /** Before a passkey, or the token of a set-up link, is judged. */
  proof(network: string): Promise<void>;
  /** After either was wrong. */
  wrong(network: string): Promise<void>;
  /** After a password and code were right. */
  right(guess: Guess): Promise<void>;
}

const HOUR = 3600;
/** Of an account's limit, for all networks together. */
const ACCOUNT_FACTOR = 5;
/** Of a network's limit, for the steps on the way. */
const STEPS_FACTOR = 20;

/**
 * Guessing is limited for each account from one network, for each network, and for each account from
 * everywhere. The last one is what an attacker with many networks could use to keep a person out, so
 * it does not bind the networks that this person signed in from before, nor passkeys. An account is
 * whatever was typed: whether anybody has that address changes nothing.
 *
 * @param perAccount wrong tries per hour and network. @param perNetwork wrong tries per hour.
 */
export function createSignInLimits(
  throttle: Throttle,
  { perAccount, perNetwork }: { readonly perAccount: number; readonly perNetwork: number },
): SignInLimits {
  const byPair = throttle.limiter('sign-in-pair', { points: perAccount, seconds: HOUR });
  const byAccount = throttle.limiter('sign-in-account', {
    points: perAccount * ACCOUNT_FACTOR,
    seconds: HOUR,
  });
  const byNetwork = throttle.limiter('sign-in-network', { points: perNetwork, seconds: HOUR });
  const steps = throttle.limiter('sign-in-steps', { points: perNetwork * STEPS_FACTOR, seconds: HOUR });

  const pair = ({ email, network }: Guess) => JSON.stringify([email, networkKey(network)]);

  return {
    async step(network) {
      within('steps', await steps.take(networkKey(network)));
    },
    async guess(guess) {
      within('network', await byNetwork.peek(networkKey(guess.network)));
      within('account_and_network', await byPair.take(pair(guess)));
      if (!guess.knowsNetwork) within('account', await byAccount.take(guess.email));
    },
    async proof(network) {
      within('network', await byNetwork.peek(networkKey(network)));
    },
    async wrong(network) {
      await byNetwork.take(networkKey(network));
    },
    async right(guess) {
      await byPair.reset(pair(guess));
    },
  };
}

function within(limit: LimitReached, { allowed, retryAfter }: Verdict): void {
  if (!allowed) throw new SignInThrottled(limit, retryAfter);
}
