import type { PoolClient } from 'pg';

/** Deletes every sign-in, set-up and enrolment under way. */
export async function forgetEveryAttempt(client: Pick<PoolClient, 'query'>): Promise<void> {
  await client.query('DELETE FROM sign_in_attempts');
}
