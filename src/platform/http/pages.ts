import type {
  AddPasskeyPage,
  ChangePasswordPage,
  ConfirmPage,
  ConnectionScopesPage,
  ConnectionsPage,
  SecurityPage,
} from './pages/account.ts';
import type { ClientRequestPage } from './pages/client-request.ts';
import type { ErrorPage } from './pages/error.ts';
import type { ConsentPage, ContinuePage, DonePage } from './pages/interaction.ts';
import type {
  EnrolPage,
  FrontPage,
  IdentifyPage,
  NoticePage,
  PasswordPage,
  SetupDonePage,
  SetupFactorPage,
  SetupIdentityPage,
  SignedOutPage,
  TotpPage,
} from './pages/sign-in.ts';

/** Every template under views/, by its path, with the data that it takes. */
export interface Pages {
  readonly error: ErrorPage;
  readonly front: FrontPage;
  readonly 'signed-out': SignedOutPage;
  readonly 'client-request': ClientRequestPage;
  readonly 'interaction/consent': ConsentPage;
  readonly 'interaction/continue': ContinuePage;
  readonly 'interaction/done': DonePage;
  readonly 'sign-in/identify': IdentifyPage;
  readonly 'sign-in/password': PasswordPage;
  readonly 'sign-in/totp': TotpPage;
  readonly 'sign-in/enrol': EnrolPage;
  readonly 'sign-in/notice': NoticePage;
  readonly 'setup/identity': SetupIdentityPage;
  readonly 'setup/factor': SetupFactorPage;
  readonly 'setup/done': SetupDonePage;
  readonly 'account/connections': ConnectionsPage;
  readonly 'account/scopes': ConnectionScopesPage;
  readonly 'account/security': SecurityPage;
  readonly 'account/passkey': AddPasskeyPage;
  readonly 'account/password': ChangePasswordPage;
  readonly 'account/confirm': ConfirmPage;
}

/** The names again, for compiling every template at start: the type proves that none is missing. */
export const PAGES: Readonly<Record<keyof Pages, true>> = {
  error: true,
  front: true,
  'signed-out': true,
  'client-request': true,
  'interaction/consent': true,
  'interaction/continue': true,
  'interaction/done': true,
  'sign-in/identify': true,
  'sign-in/password': true,
  'sign-in/totp': true,
  'sign-in/enrol': true,
  'sign-in/notice': true,
  'setup/identity': true,
  'setup/factor': true,
  'setup/done': true,
  'account/connections': true,
  'account/scopes': true,
  'account/security': true,
  'account/passkey': true,
  'account/password': true,
  'account/confirm': true,
};

export type * from './pages/account.ts';
export type * from './pages/client-request.ts';
export type * from './pages/error.ts';
export type * from './pages/interaction.ts';
export type * from './pages/parts.ts';
export type * from './pages/sign-in.ts';
