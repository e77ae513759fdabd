import type { FormPage } from './parts.ts';

/** `client-request`: a person asks whoever runs the server to let a program in. Posts `reason`. */
export interface ClientRequestPage extends FormPage {
  /** How the request of this person stands. */
  readonly state: 'none' | 'waiting' | 'rejected' | 'allowed';
  /** Nothing more is known of it. */
  readonly client: { readonly host: string; readonly url: string };
  readonly resource?: { readonly name: string; readonly identifier: string } | undefined;
  readonly user: { readonly name: string; readonly email: string };
  /** Characters. */
  readonly maxReason: number;
  readonly notYouUrl: string;
}
