import type { KoaContextWithOIDC } from 'oidc-provider';

import { originOf, type Views } from '../platform/http/index.ts';

/** What the library would say outside. */
interface Out {
  readonly error: string;
  readonly error_description?: string | undefined;
}

/** What a person reads when a client sent them here with a request that cannot be answered to the client. */
const WORDS: Readonly<
  Record<string, { readonly title: string; readonly explanation: string; readonly advice: string }>
> = {
  invalid_client: {
    title: 'This program is not known here',
    explanation:
      'The program that sent you here identified itself with a client ID that this server does not know, or no longer accepts.',
    advice:
      'Remove the saved connection in that program and connect again. If it keeps happening, ask whoever runs this server to register the program.',
  },
  invalid_redirect_uri: {
    title: 'We will not send you on from here',
    explanation:
      'The request asked us to send you to an address that is not registered for this program. That can be a mistake, or somebody trying to take over your connection.',
    advice:
      'Close this page. If you started this yourself, tell the makers of the program what it says here.',
  },
};

const OTHERWISE = {
  title: 'This request cannot be answered',
  explanation: 'The program that sent you here made a request that is not valid.',
  advice:
    'Go back to that program and start again. If it keeps happening, tell its makers what it says here.',
};

/**
 * Answers an error that must not be sent to a redirect URI: a page at the authorization endpoint,
 * OAuth JSON everywhere else, whatever the caller accepts (RFC 6749 §4.1.2.1, §5.2).
 */
export async function renderProviderError(
  views: Views,
  ctx: KoaContextWithOIDC,
  out: Out,
  error: Error,
): Promise<void> {
  const { route } = ctx.oidc;
  if (route !== 'authorization' && route !== 'resume') {
    ctx.type = 'json';
    ctx.body = out;
    return;
  }
  const words = WORDS[out.error] ?? OTHERWISE;
  const expired = error.name === 'SessionNotFound';
  await views.render(
    ctx,
    'error',
    {
      ...(expired
        ? {
            title: 'This authorization has ended',
            explanation: 'It was answered already, took too long, or was started in another browser.',
            advice: 'Go back to the program that sent you here and start again.',
          }
        : words),
      requestId: originOf(ctx).requestId,
      code: [out.error, out.error_description].filter(Boolean).join(': '),
    },
    { status: ctx.status },
  );
}
