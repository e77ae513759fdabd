import { checkRedirectUri } from '../../../domain/clients/index.ts';

/** A redirect as pages and records name it. */
export interface DescribedRedirect {
  /** Scheme and authority: `https://app.example`, `http://127.0.0.1:3118`, `vscode://publisher.extension`, `com.example.app:`. */
  readonly address: string;
  readonly loopback: boolean;
  readonly privateUse: boolean;
}

/**
 * Describes where a redirect leads. The authority of a private-use redirect is part of it: the scheme may be that of
 * a program that hands links on to extensions, and the authority then names the extension.
 */
export function describeRedirect(redirectUri: string): DescribedRedirect {
  const checked = checkRedirectUri(redirectUri);
  const kind = checked.ok ? checked.kind : 'https';
  const { protocol, host } = new URL(redirectUri);
  return {
    address: host === '' ? protocol : `${protocol}//${host}`,
    loopback: kind === 'loopback',
    privateUse: kind === 'private-use',
  };
}
