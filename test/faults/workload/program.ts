import { setTimeout as delay } from 'node:timers/promises';

import { basic, claimsOf, type TokenResponse } from '../../support/flow.ts';
import { type Params, redeem, refresh, type Tokens, tokensOf } from '../../support/token-requests.ts';
import type { Answer, Facts, Kind } from '../history.ts';

import { asProgram, hashOf } from './answers.ts';
import { type Code, openBrowser } from './browser.ts';
import type { Scene, Seat } from './scene.ts';

/** What a program holds. */
export interface Holding extends Tokens {
  readonly clientId: string;
}

/** An honest program: it presents what it was given last, and asks again when the answer was lost. */
export interface Program {
  /** Does one thing, whatever comes next. */
  step(): Promise<void>;
  /** Once more, when all is well: shows that it can go on, and that what ended stays ended. */
  conclude(): Promise<void>;
}

/** So many ended connections are asked about again in the end. */
const GRAVEYARD = 40;

export function startProgram(scene: Scene, seat: Seat): Program {
  const { world, history } = scene;
  const random = scene.random.fork(seat.name);
  const browser = openBrowser(scene, seat);
  const graveyard: Holding[] = [];
  let code: Code | undefined;
  let holding: Holding | undefined;

  async function ask(
    kind: Kind,
    facts: Facts,
    send: (target: {
      post: (path: string, params: Params, headers?: Params) => Promise<TokenResponse>;
    }) => Promise<TokenResponse>,
    learn?: (response: TokenResponse) => Facts,
  ): Promise<{ readonly answer: Answer; readonly value?: TokenResponse | undefined }> {
    const up = world.nodes.filter((node) => node.isUp());
    const node = up.length > 0 ? random.pick(up) : random.pick(world.nodes);
    const about = { actor: seat.name, kind, user: seat.person.id, ...facts };
    return history.record(about, () => asProgram(() => send(node), learn));
  }

  async function redeemCode(current: Code): Promise<void> {
    const { answer, value } = await ask(
      'redeem',
      { client: current.clientId, code: hashOf(current.code) },
      (target) => redeem(target, current.clientId, current),
      (response) => {
        const { grantId, refreshToken } = tokensOf(response);
        return { grant: grantId, successor: hashOf(refreshToken) };
      },
    );
    // A code whose answer was lost may be spent, and to present it again would look like theft. 503 says that it is not.
    if (answer.is !== 'unavailable') code = undefined;
    if (answer.is === 'done' && value) holding = { ...tokensOf(value), clientId: current.clientId };
  }

  async function refreshOnce(current: Holding): Promise<Answer> {
    const token = hashOf(current.refreshToken);
    const { answer, value } = await ask(
      'refresh',
      { client: current.clientId, grant: current.grantId, token },
      (target) => refresh(target, current.clientId, current.refreshToken),
      (response) => ({ successor: hashOf(tokensOf(response).refreshToken) }),
    );
    if (answer.is === 'done' && value) holding = { ...tokensOf(value), clientId: current.clientId };
    if (answer.is === 'refused') bury(current);
    return answer;
  }

  async function introspect({ clientId, grantId, accessToken }: Holding): Promise<void> {
    const { id, secret } = world.resource;
    await ask(
      'introspect',
      { client: clientId, grant: grantId, jti: jtiOf(accessToken) },
      (target) => target.post('/introspect', { token: accessToken }, basic(id, secret)),
      ({ body }) => ({ active: body['active'] === true }),
    );
  }

  async function revoke(kind: 'revoke-refresh' | 'revoke-access', current: Holding): Promise<void> {
    const { clientId, grantId, accessToken, refreshToken } = current;
    const token = kind === 'revoke-refresh' ? refreshToken : accessToken;
    const facts = {
      client: clientId,
      grant: grantId,
      ...(kind === 'revoke-access' ? { jti: jtiOf(accessToken) } : {}),
    };
    for (let attempt = 0; attempt < 100; attempt += 1) {
      const { answer } = await ask(kind, facts, (target) =>
        target.post('/revoke', { client_id: clientId, token }),
      );
      if (answer.is === 'done') scene.onRevoked();
      if (answer.is === 'done' || answer.is === 'refused' || scene.over()) break;
      await delay(50);
    }
    await introspect(current);
    if (kind === 'revoke-refresh') await refreshOnce(current);
  }

  function bury(current: Holding): void {
    holding = undefined;
    graveyard.push(current);
    if (graveyard.length > GRAVEYARD) graveyard.shift();
  }

  return {
    async step() {
      if (!world.nodes.some((node) => node.isUp())) return void (await delay(50));
      if (!holding) {
        code ??= await browser.authorize();
        if (code) await redeemCode(code);
        return undefined;
      }
      const current = holding;
      const dice = random.int(1, 100);
      if (dice <= 12) await Promise.all([refreshOnce(current), refreshOnce(current)]);
      else if (dice <= 24) await introspect(current);
      else if (dice <= 27) await revoke('revoke-access', current);
      else if (dice <= 29) await revoke('revoke-refresh', current);
      else if (dice <= 31) {
        await browser.endConnection(current.grantId);
        await refreshOnce(current);
      } else await refreshOnce(current);
      return undefined;
    },

    async conclude() {
      for (const dead of graveyard) await introspect(dead);
      for (let attempt = 0; attempt < 50 && holding; attempt += 1) {
        const answer = await refreshOnce(holding);
        if (answer.is === 'done' || answer.is === 'refused') return;
        await delay(100);
      }
    },
  };
}

const jtiOf = (accessToken: string) => String(claimsOf(accessToken)['jti']);
