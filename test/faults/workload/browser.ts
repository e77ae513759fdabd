import { setTimeout as delay } from 'node:timers/promises';

import { newId } from '../../../src/kernel/ids.ts';
import { askedScopes, createAgent, type Page } from '../../support/agent.ts';
import { authorizeUrl, pkce, signedIn } from '../../support/flow.ts';
import { totpCode } from '../../support/totp.ts';

import { asAdministrator, asPerson, hashOf } from './answers.ts';
import type { Scene, Seat } from './scene.ts';

/** What an authorization brought. */
export interface Code {
  readonly code: string;
  readonly verifier: string;
  /** The client that it was given to. */
  readonly clientId: string;
}

/** The browser of one seat. */
export interface Browser {
  /** Authorizes, after signing in where that is needed. Nothing when it did not work out. */
  authorize(): Promise<Code | undefined>;
  /** Ends a connection on the account page. */
  endConnection(grantId: string): Promise<void>;
}

export function openBrowser(scene: Scene, seat: Seat): Browser {
  const { world, history } = scene;
  const { issuer } = world.server;
  const { person } = seat;
  const random = scene.random.fork(`${seat.name} browser`);
  let agent = createAgent();
  let isSignedIn = false;

  /** Mostly without the ceremony, which takes long. */
  async function signIn(): Promise<void> {
    agent = createAgent();
    const { answer } = await history.record({ actor: seat.name, kind: 'sign-in', user: person.id }, () =>
      random.chance(0.2)
        ? asPerson(withPassword, ({ url }) => (url === `${issuer}/account` ? { value: true } : undefined))
        : asAdministrator(newId('req'), () => signedIn(world.server, agent, person)),
    );
    isSignedIn = answer.is === 'done';
    if (!isSignedIn) await delay(200);
  }

  async function withPassword(): Promise<Page> {
    const answers = [
      () => ({ email: person.email }),
      () => ({ password: person.password }),
      () => ({ code: totpCode(person.totpSecret) }),
    ];
    let page = await agent.get(`${issuer}/sign-in?continue=/account`);
    for (const answer of answers) if (page.form) page = await agent.submit(page, answer());
    return page;
  }

  async function consent(clientId: string, challenge: string): Promise<Page> {
    const page = await agent.get(
      authorizeUrl(world.server, { client_id: clientId, code_challenge: challenge }),
    );
    if (page.form?.step === 'continue') return agent.submit(page, { decision: 'allow' });
    if (page.form?.step !== 'consent') return page;
    const scope = askedScopes(page);
    return agent.submit(page, { scope, decision: 'allow' });
  }

  return {
    async authorize() {
      if (!isSignedIn) await signIn();
      if (!isSignedIn) return undefined;
      const { verifier, challenge } = pkce();
      const { clientId } = seat;
      const { answer, value } = await history.record(
        { actor: seat.name, kind: 'authorize', user: person.id, client: clientId },
        () =>
          asPerson(
            () => consent(clientId, challenge),
            ({ location }) => {
              const code = location === undefined ? null : new URL(location).searchParams.get('code');
              if (code === null) return undefined;
              return { value: { code, verifier, clientId }, facts: { code: hashOf(code) } };
            },
          ),
      );
      if (answer.is === 'refused') isSignedIn = false;
      return value;
    },

    async endConnection(grant) {
      const path = `${issuer}/account/connections/${grant}/end`;
      const { answer } = await history.record(
        { actor: seat.name, kind: 'end-connection', user: person.id, client: seat.clientId, grant },
        () =>
          asPerson(
            async () => {
              const question = await agent.get(path);
              return question.url === path && question.form ? agent.submit(question, {}) : question;
            },
            // The form's own answer counts: whoever is disabled in that moment never sees the page after it.
            ({ visited }) =>
              visited.includes(`${issuer}/account?done=connection-ended`) ? { value: true } : undefined,
          ),
      );
      if (answer.is === 'done') scene.onRevoked();
    },
  };
}
