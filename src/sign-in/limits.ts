import { networkKey, prefixShare, widestPrefix } from '../kernel/network.ts';
import { HttpError } from '../platform/http/index.ts';
import { createPrefixLimiter, type Throttle, Throttled, type Verdict } from '../platform/throttle/index.ts';

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

/** How often somebody may try to sign in. What comes before throws SignInThrottled at its limit. */
export interface SignInLimits {
  /** Before a step that costs us something and proves nothing: an attempt begun, a password hashed. */
  step(network: string): Promise<void>;
  /** Before a password and code are judged. */
  guess(guess: Guess): Promise<void>;
  /** After they were wrong. */
  wrong(guess: Guess): Promise<void>;
  /** After they were right. */
  right(guess: Guess): Promise<void>;
  /**
   * After a passkey, or the token of a set-up link, was wrong, which is recorded: throws what the answer is when
   * there were too many.
   */
  unproven(network: string): Promise<void>;
}

const HOUR = 3600;
/** Of an account's limit: for all networks together that the person never signed in from, and for all others. */
const STRANGE_FACTOR = 3;
const KNOWN_FACTOR = 2;
/** Of an account's limit, for all strange networks together, while somebody guesses everywhere. */
const WARY_FACTOR = 1 / 4;
/** Of a network's limit, for all accounts and all strange networks together: more is somebody who guesses everywhere. */
const EVERYWHERE_FACTOR = 50;
/** Of a network's limit, for the steps on the way. */
const STEPS_FACTOR = 20;

/**
 * Guessing is limited for each account from one network, for each network, for each account from everywhere,
 * and for all together: an account is guessed at no more than five times its limit in an hour, however many
 * networks take part.
 *
 * What somebody with many networks uses up does not bind the networks that the person signed in from
 * before, which have a limit of their own; nor is a passkey that is right ever turned away, since nobody
 * guesses one. So nobody can keep a person out. An account is whatever was typed: whether anybody has that
 * address changes nothing.
 *
 * @param perAccount wrong tries per hour and network. @param perNetwork wrong tries per hour.
 */
export function createSignInLimits(
  throttle: Throttle,
  { perAccount, perNetwork }: { readonly perAccount: number; readonly perNetwork: number },
): SignInLimits {
  const hourly = (name: string, points: number) => throttle.limiter(name, { points, seconds: HOUR });
  const byPair = hourly('sign-in-pair', perAccount);
  const hourlyByPrefix = (name: string, points: number) =>
    createPrefixLimiter(throttle, name, { points, seconds: HOUR });
  const byNetwork = hourlyByPrefix('sign-in-network', perNetwork);
  const steps = hourlyByPrefix('sign-in-steps', perNetwork * STEPS_FACTOR);
  const strange = hourly('sign-in-account', perAccount * STRANGE_FACTOR);
  const strangeWary = hourly('sign-in-account-wary', Math.ceil(perAccount * WARY_FACTOR));
  const known = hourly('sign-in-account-known', perAccount * KNOWN_FACTOR);
  const everywhere = hourly('sign-in-everywhere', perNetwork * EVERYWHERE_FACTOR);
  // No prefix can switch the caution of all others on by itself.
  const everywhereOfPrefix = hourly('sign-in-everywhere-prefix', prefixShare(perNetwork * EVERYWHERE_FACTOR));

  const pair = ({ email, network }: Guess) => JSON.stringify([email, networkKey(network)]);

  async function guessFromStrange(email: string): Promise<Verdict> {
    const [wary, usual, strict] = await Promise.all([
      everywhere.peek('').then(({ allowed }) => !allowed),
      strange.take(email),
      strangeWary.take(email),
    ]);
    return wary ? strict : usual;
  }

  return {
    async step(network) {
      within('steps', await steps.take(network));
    },
    async guess(guess) {
      const { email, network, knowsNetwork } = guess;
      within('network', await byNetwork.peek(network));
      within('account_and_network', await byPair.take(pair(guess)));
      within('account', knowsNetwork ? await known.take(email) : await guessFromStrange(email));
    },
    async wrong({ network, knowsNetwork }) {
      await byNetwork.take(network);
      if (knowsNetwork) return;
      if ((await everywhereOfPrefix.take(widestPrefix(network))).allowed) await everywhere.take('');
    },
    async right(guess) {
      await byPair.reset(pair(guess));
    },
    async unproven(network) {
      const { allowed, retryAfter } = await byNetwork.take(network);
      if (!allowed)
        throw new HttpError(429, 'slow_down', 'too many attempts', { 'Retry-After': String(retryAfter) });
    },
  };
}

function within(limit: LimitReached, { allowed, retryAfter }: Verdict): void {
  if (!allowed) throw new SignInThrottled(limit, retryAfter);
}
