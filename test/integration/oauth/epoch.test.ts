import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { endConnections, listConnections, raiseGrantEpoch } from '../../../src/domain/grants/index.ts';
import { transaction } from '../../../src/platform/database/index.ts';
import { obtainCode } from '../../support/flow.ts';
import { cause, startTestServer, type TestServer } from '../../support/server.ts';
import {
  type Connected,
  connected,
  freshTokens,
  introspect,
  recordsOf,
  redeem,
  refresh,
  type Tokens,
} from '../../support/token-requests.ts';

/** The epoch alone: keys, sessions and signatures are as good as before. */
describe('U6: when the grant epoch is raised', () => {
  let server: TestServer;
  let ada: Connected;
  let past: {
    unused: Tokens;
    used: Tokens;
    code: Awaited<ReturnType<typeof obtainCode>>;
    redeemed: typeof past.code;
  };
  let raised: Awaited<ReturnType<typeof raiseGrantEpoch>>;
  beforeAll(async () => {
    server = await startTestServer();
    ada = await connected(server);
    const [unused, used] = [await freshTokens(server, ada), await freshTokens(server, ada)];
    await refresh(server, ada.clientId, used.refreshToken);
    const [code, redeemed] = [
      await obtainCode(server, ada.agent, ada.clientId),
      await obtainCode(server, ada.agent, ada.clientId),
    ];
    await redeem(server, ada.clientId, redeemed);
    past = { unused, used, code, redeemed };
    raised = await transaction(server.database.pool, raiseGrantEpoch);
  });
  afterAll(() => server.stop());

  const refused = async (response: Awaited<ReturnType<typeof refresh>>) => {
    expect({ status: response.status, error: response.body.error }).toEqual({
      status: 400,
      error: 'invalid_grant',
    });
    const [record] = await recordsOf(server, response);
    return record?.reason;
  };

  it('U6: three connections were alive', () => {
    expect(raised).toEqual({ epoch: 2, ended: 3 });
  });

  it('U6: nothing of before is refreshed, repeated, redeemed or active', async () => {
    expect(await refused(await refresh(server, ada.clientId, past.unused.refreshToken))).toBe('grant_ended');
    expect(await refused(await refresh(server, ada.clientId, past.used.refreshToken))).toBe('grant_ended');
    expect(await refused(await redeem(server, ada.clientId, past.code))).toBe('grant_ended');
    expect(await refused(await redeem(server, ada.clientId, past.redeemed))).toBe('grant_ended');
    for (const { accessToken } of [past.unused, past.used]) {
      expect(await introspect(server, accessToken, server)).toEqual({ active: false });
    }
  });

  it('U6: nobody sees a connection of before, or can end what has ended', async () => {
    expect(await listConnections(server.database.prisma)).toEqual([]);
    await expect(
      endConnections(server.database.prisma, ada.person.id, { grantId: past.unused.grantId }, cause),
    ).rejects.toThrow('there is no such connection');
  });

  it('U6: a refresh that was looked up before, and decided after, gives nothing', async () => {
    const tokens = await freshTokens(server, ada);
    const holder = await server.database.pool.connect();
    await holder.query('BEGIN');
    await holder.query('SELECT 1 FROM grants WHERE id = $1 FOR UPDATE', [tokens.grantId]);
    const rotating = refresh(server, ada.clientId, tokens.refreshToken);
    await expect
      .poll(async () => {
        const waiting = `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`;
        return (await holder.query(waiting)).rowCount;
      })
      .toBe(1);
    await raiseGrantEpoch(holder);
    await holder.query('COMMIT');
    holder.release();

    // Its statement saw the old epoch and may go through; what it made is of the grant, and dead with it.
    const { body } = await rotating;
    expect((await refresh(server, ada.clientId, body.refresh_token ?? tokens.refreshToken)).status).toBe(400);
    expect(await introspect(server, body.access_token ?? tokens.accessToken, server)).toEqual({
      active: false,
    });
  });

  it('U6: a new connection is of the new epoch, and lives', async () => {
    const tokens = await freshTokens(server, ada);
    expect((await refresh(server, ada.clientId, tokens.refreshToken)).status).toBe(200);
    expect(await introspect(server, tokens.accessToken, server)).toMatchObject({ active: true });
    expect(await listConnections(server.database.prisma)).toMatchObject([{ id: tokens.grantId }]);
  });
});
