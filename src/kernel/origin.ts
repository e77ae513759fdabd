/** Where a request came from, as the audit trail tells it. */
export interface Origin {
  readonly requestId: string;
  /** IP address of the caller; absent for the command line. */
  readonly network?: string | undefined;
  /** The authorization that the request is a part of: `flw_…`. */
  readonly flow?: string | undefined;
}
