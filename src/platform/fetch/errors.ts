/**
 * A URL was not fetched. Outside it is one answer for every cause; `detail` says which it was, for the
 * audit trail and the log and for nobody else.
 */
export class FetchRefused extends Error {
  override readonly name = 'FetchRefused';
  /** snake_case words, for example `address_private` or `status_404`. */
  readonly detail: string;

  constructor(detail: string, options?: ErrorOptions) {
    super('the address could not be fetched', options);
    this.detail = detail;
  }
}
