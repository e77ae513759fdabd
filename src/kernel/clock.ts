/** The present, injected so that tests can move it. Expiry in the database is judged by the database's own time. */
export type Clock = () => Date;

export const systemClock: Clock = () => new Date();

/** Whole seconds since the epoch: NumericDate of RFC 7519 §2. */
export function epochSeconds(date: Date): number {
  return Math.floor(date.getTime() / 1000);
}
