import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import pg from 'pg';

/** The way between a server and its PostgreSQL, which a test can cut in any place. */
export interface PostgresProxy {
  /** The database's URL, by way of here. */
  readonly url: string;
  /** Breaks every connection and accepts no other, like a PostgreSQL that is down. */
  cut(): Promise<void>;
  /** Accepts connections again. */
  restore(): Promise<void>;
  /**
   * Breaks one connection at the next use of the prepared statement of this name: `before` it
   * reaches PostgreSQL, or `after` it was committed there, in place of the reply. `then` is called at that moment.
   */
  breakAt(statement: string, when: 'before' | 'after', then?: () => void): void;
  stop(): Promise<void>;
}

interface Fault {
  readonly statement: string;
  readonly when: 'before' | 'after';
  readonly then: () => void;
}

/** ReadyForQuery: the end of a reply, sent when the implicit transaction is over. */
const isReady = (bytes: Buffer) =>
  bytes.length >= 6 && bytes.readUIntBE(bytes.length - 6, 5) === 0x5a00000005;

/** Starts a proxy on loopback before the PostgreSQL of a URL. */
export async function startPostgresProxy(databaseUrl: string): Promise<PostgresProxy> {
  const target = new pg.Client({ connectionString: databaseUrl });
  const sockets = new Set<Socket>();
  let fault: Fault | undefined;

  const listener = createServer((client) => {
    const upstream = target.host.startsWith('/')
      ? connect(`${target.host}/.s.PGSQL.${target.port}`)
      : connect(target.port, target.host);
    let losing: Fault | undefined;
    const end = () => {
      for (const socket of [client, upstream]) {
        sockets.delete(socket);
        socket.destroy();
      }
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.setNoDelay(true).on('error', end).on('close', end);
    }
    client.on('data', (bytes) => {
      if (fault && bytes.includes(`${fault.statement}\0`)) {
        const struck = fault;
        fault = undefined;
        if (struck.when === 'before') {
          end();
          return struck.then();
        }
        losing = struck;
      }
      upstream.write(bytes);
      return undefined;
    });
    upstream.on('data', (bytes) => {
      if (!losing) client.write(bytes);
      else if (isReady(bytes)) {
        end();
        losing.then();
      }
    });
  });

  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP listener has a port');
  const { port } = address;
  const credentials = [target.user ?? '', ...(target.password ? [target.password] : [])];

  async function cut(): Promise<void> {
    if (!listener.listening) return;
    const closed = once(listener, 'close');
    listener.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  }

  return {
    url: `postgresql://${credentials.map(encodeURIComponent).join(':')}@127.0.0.1:${port}/${target.database}`,
    cut,
    async restore() {
      listener.listen(port, '127.0.0.1');
      await once(listener, 'listening');
    },
    breakAt(statement, when, then = () => {}) {
      fault = { statement, when, then };
    },
    stop: cut,
  };
}
