import { errors } from 'oidc-provider';

/**
 * Returns `invalid_grant` for a connection that is over. All reasons share one description, which says what the person
 * has to do and tells the holder of a stolen token nothing more; `reason` is for the log.
 */
export function connectionEnded(reason: string): Error {
  const error = new errors.InvalidGrant(reason);
  error.error_description = 'this connection was ended; authorize again to connect';
  return error;
}
