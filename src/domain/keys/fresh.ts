import type { Clock } from '../../kernel/clock.ts';

/** A value kept for a while and loaded again when it is older. */
export interface Fresh<T> {
  /** The value, at most `maxAge` old. */
  get(): Promise<T>;
  /** The value, loaded after this call unless it was loaded less than `minAge` ago. */
  reload(): Promise<T>;
  /** Drops what is kept and what is under way, after a change of our own. */
  forget(): void;
}

/**
 * Keeps what `load` gives. Simultaneous callers share one load; a load that fails is not remembered and
 * its error goes to those who wait. `reload` is bounded, so that nobody can force a query per request.
 */
export function createFresh<T>(
  load: () => Promise<T>,
  { clock, maxAge, minAge }: { readonly clock: Clock; readonly maxAge: number; readonly minAge: number },
): Fresh<T> {
  let kept: { readonly value: T; readonly at: number } | undefined;
  let loading: Promise<T> | undefined;

  // A clock that was set back makes a value old, never young.
  const isYoungerThan = (limit: number) => {
    const age = kept === undefined ? Number.POSITIVE_INFINITY : clock().getTime() - kept.at;
    return age >= 0 && age < limit;
  };

  function loadOnce(): Promise<T> {
    if (loading) return loading;
    const at = clock().getTime();
    const mine = load()
      .then((value) => {
        if (loading === mine) kept = { value, at };
        return value;
      })
      .finally(() => {
        if (loading === mine) loading = undefined;
      });
    loading = mine;
    return mine;
  }

  const within = async (limit: number) => (kept && isYoungerThan(limit) ? kept.value : loadOnce());
  return {
    get: () => within(maxAge),
    reload: () => within(minAge),
    forget() {
      kept = undefined;
      loading = undefined;
    },
  };
}
