import type { PoolClient } from 'pg';

/** Forgets every sign-in, set-up and enrolment under way, and the links that begin a set-up. */
export async function forgetEveryAttempt(client: Pick<PoolClient, 'query'>): Promise<void> {
  await client.query('DELETE FROM sign_in_attempts');
  await client.query('DELETE FROM setup_links');
}
