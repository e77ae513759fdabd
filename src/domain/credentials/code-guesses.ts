import type { Db } from './store.ts';

/** Days for which wrong codes add up. */
const WINDOW_DAYS = 7;
/** Wrong codes in a window, of all networks together that the person never signed in from. */
const MAX_FROM_UNKNOWN_NETWORKS = 20;
/** The same of all networks that the person signed in from. */
const MAX_FROM_KNOWN_NETWORKS = 100;

/** Who guesses. Nothing is counted without `passwordOk`: only a code after the right password can open anything. */
interface CodeGuess {
  readonly userId: string | undefined;
  readonly knowsNetwork: boolean;
  readonly passwordOk: boolean;
}

interface CodeGuessVerdict {
  readonly allowed: boolean;
  /** Whether this guess is the last one that the window allows. */
  readonly last: boolean;
}

/**
 * Limits one-time codes that are tried after a right password, over days: an attacker who knows the password cannot
 * guess slowly for ever. Counts the guess before it is judged, in the database, for all processes together.
 *
 * Passkeys are not limited; a new password ends the count.
 */
export async function countCodeGuess(
  db: Db,
  { userId, knowsNetwork, passwordOk }: CodeGuess,
): Promise<CodeGuessVerdict> {
  const max = knowsNetwork ? MAX_FROM_KNOWN_NETWORKS : MAX_FROM_UNKNOWN_NETWORKS;
  // Asked for a wrong password too, so that the time does not tell whether it was right.
  const [counted] = await db.$queryRaw<{ wrong: number }[]>`
    INSERT INTO code_guesses AS g (user_id, known_network, wrong)
    SELECT id, ${knowsNetwork}::boolean, 1 FROM users WHERE id = ${userId ?? ''} AND ${passwordOk}::boolean
    ON CONFLICT (user_id, known_network) DO UPDATE
    SET wrong = CASE WHEN g.since < now() - make_interval(days => ${WINDOW_DAYS}::int) THEN 1 ELSE g.wrong + 1 END,
        since = CASE WHEN g.since < now() - make_interval(days => ${WINDOW_DAYS}::int) THEN now() ELSE g.since END
    WHERE g.since < now() - make_interval(days => ${WINDOW_DAYS}::int) OR g.wrong < ${max}::int
    RETURNING g.wrong`;
  if (!passwordOk) return { allowed: true, last: false };
  return { allowed: counted !== undefined, last: counted?.wrong === max };
}

/** Takes a guess back that was right. */
export async function uncountCodeGuess(db: Db, userId: string, knowsNetwork: boolean): Promise<void> {
  await db.$executeRaw`
    UPDATE code_guesses SET wrong = greatest(0, wrong - 1)
    WHERE user_id = ${userId} AND known_network = ${knowsNetwork}::boolean`;
}

/** Forgets the guesses of a person whose password changed. */
export async function forgetCodeGuesses(db: Db, userId: string): Promise<void> {
  await db.$executeRaw`DELETE FROM code_guesses WHERE user_id = ${userId}`;
}
