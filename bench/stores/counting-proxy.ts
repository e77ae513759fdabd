import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** What a server asked of its PostgreSQL. */
export interface Traffic {
  /** Statements executed. */
  readonly statements: number;
  /** Times that the server had to wait for an answer. */
  readonly roundTrips: number;
}

/** The way between a server and its PostgreSQL, counted. */
export interface CountingProxy {
  readonly url: string;
  /** Everything since the proxy was made. */
  traffic(): Traffic;
  stop(): Promise<void>;
}

/** Frontend messages of PostgreSQL's protocol, version 3 (§55.7). */
const EXECUTE = 'E'.charCodeAt(0);
const SYNC = 'S'.charCodeAt(0);
const SIMPLE_QUERY = 'Q'.charCodeAt(0);

/** Starts a counting proxy before the PostgreSQL of a URL. */
export async function startCountingProxy(databaseUrl: string): Promise<CountingProxy> {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  let statements = 0;
  let roundTrips = 0;

  const listener = createServer((client) => {
    const upstream = connect({ host: target.hostname, port: Number(target.port), noDelay: true });
    client.setNoDelay(true);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    const read = createReader((type) => {
      if (type === EXECUTE || type === SIMPLE_QUERY) statements += 1;
      if (type === SYNC || type === SIMPLE_QUERY) roundTrips += 1;
    });
    client.on('data', (bytes) => {
      read(bytes);
      upstream.write(bytes);
    });
    upstream.on('data', (bytes) => client.write(bytes));
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP listener has a port');

  const url = new URL(databaseUrl);
  url.port = String(address.port);
  return {
    url: url.href,
    traffic: () => ({ statements, roundTrips }),
    async stop() {
      listener.close();
      for (const socket of sockets) socket.destroy();
      await once(listener, 'close');
    },
  };
}

/** Reads the types of the messages in a stream of bytes; the first one, the start of the session, has none. */
function createReader(seen: (type: number) => void): (bytes: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  let started = false;
  return (bytes) => {
    rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    for (;;) {
      const head = started ? 5 : 4;
      if (rest.length < head) return;
      const length = rest.readUInt32BE(head - 4) + head - 4;
      if (rest.length < length) return;
      if (started) seen(rest.readUInt8(0));
      started = true;
      rest = rest.subarray(length);
    }
  };
}
