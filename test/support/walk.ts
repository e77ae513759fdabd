import { type Agent, askedScopes, type Page } from './agent.ts';
import type { Person } from './flow.ts';
import { totpCode } from './totp.ts';

/** What a person decides on the way. */
export interface Decision {
  /** What to tick at consent; everything that the client asked for when left out. */
  readonly scopes?: readonly string[];
  readonly deny?: boolean;
  /** What the authenticator app shows, when not what it shows now. */
  readonly code?: string;
}

/**
 * Walks from an authorization URL through sign-in and consent, by plain HTTP and as a person would,
 * and answers the URL at which the browser leaves for the client.
 */
export async function walk(
  agent: Agent,
  start: URL | string,
  person: Person,
  decision: Decision = {},
): Promise<URL> {
  let page = await agent.get(String(start));
  for (let step = 0; step < 8; step += 1) {
    if (page.location !== undefined) return new URL(page.location);
    page = await agent.submit(page, answer(page, person, decision));
  }
  throw new Error(`no way out of ${page.url}`);
}

function answer(
  page: Page,
  person: Person,
  { scopes, deny, code }: Decision,
): Record<string, string | readonly string[]> {
  switch (page.form?.step) {
    case 'identify':
      return { email: person.email };
    case 'password':
      return { password: person.password };
    case 'totp':
      return { code: code ?? totpCode(person.totpSecret) };
    case 'consent':
      return { scope: scopes ?? askedScopes(page), decision: deny ? 'deny' : 'allow' };
    case 'continue':
      return { decision: deny ? 'deny' : 'allow' };
    default:
      throw new Error(`cannot go on from ${page.url} (${page.status}): ${page.html.slice(0, 1500)}`);
  }
}
