import type { FormPage, PasskeyEndpoints, Purpose, When } from './parts.ts';

/** `sign-in/identify`: one field and a passkey button. Posts `email`. */
export interface IdentifyPage extends FormPage {
  readonly email?: string | undefined;
  readonly purpose?: Purpose | undefined;
  /** Left out where passkeys cannot work. */
  readonly passkey?: PasskeyEndpoints | undefined;
  /** Somebody is signed in already and must prove it again before something weighty. */
  readonly reauthenticate?: boolean | undefined;
}

/** `sign-in/password`: posts `password`. */
export interface PasswordPage extends FormPage {
  readonly email: string;
  readonly purpose?: Purpose | undefined;
  /** To name another account. */
  readonly backUrl: string;
}

/** `sign-in/totp`: posts `code`. */
export interface TotpPage extends FormPage {
  readonly email: string;
  /** Back to the password, of the same attempt. */
  readonly passwordUrl: string;
  readonly purpose?: Purpose | undefined;
  readonly backUrl: string;
}

/** A TOTP seed to be scanned or typed; shown once. */
export interface TotpSeed {
  /** SVG markup by uqr, rendered as it is. Never put anything from outside in here. */
  readonly qrSvg: string;
  /** base32, in groups of four. */
  readonly secret: string;
  /** `otpauth://…`: opens the authenticator on the same device. */
  readonly uri: string;
}

/** `sign-in/enrol`, behind a one-time link: a passkey by script, or posts `password` and `code`. */
export interface EnrolPage extends FormPage {
  readonly name: string;
  readonly email: string;
  /** The account was reset; otherwise it is new. */
  readonly recovery: boolean;
  readonly passkey: PasskeyEndpoints;
  readonly totp: TotpSeed;
}

/** `sign-in/notice`: which factors were added. Posts `ids`. */
export interface NoticePage extends FormPage {
  readonly email: string;
  /** Of the notices shown, separated by spaces. */
  readonly ids: string;
  readonly notices: readonly {
    readonly what: string;
    readonly when: When;
    readonly device: string;
    readonly network: string | undefined;
  }[];
  readonly securityUrl: string;
}

/** `setup/identity`, step 1 of 3: posts `name` and `email`. */
export interface SetupIdentityPage extends FormPage {
  readonly name?: string | undefined;
  readonly email?: string | undefined;
}

/** `setup/factor`, step 2 of 3: a passkey by script, or posts `password` and `code`. */
export interface SetupFactorPage extends FormPage {
  readonly name: string;
  readonly email: string;
  readonly passkey: PasskeyEndpoints;
  readonly totp: TotpSeed;
}

/** `setup/done`, step 3 of 3. */
export interface SetupDonePage {
  readonly name: string;
  /** The line to paste: `claude mcp add --transport http …`; left out where no client that has one is let in. */
  readonly connectLine?: string | undefined;
  /** Of the program that the line is for. */
  readonly clientName?: string | undefined;
  /** Left out where no server is registered yet. */
  readonly resourceName?: string | undefined;
  readonly accountUrl: string;
}

/** `signed-out` */
export interface SignedOutPage {
  readonly signInUrl: string;
}

/** `front`: what a browser finds at the issuer. */
export interface FrontPage {
  /** Left out when no user is signed in. */
  readonly user: { readonly name: string; readonly email: string } | undefined;
  readonly signInUrl: string;
  readonly accountUrl: string;
  readonly issuer: string;
  readonly metadataUrl: string;
  readonly documentationUrl: string;
}
