import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** Stands at the issuer and hands each connection to the next node that is up, as a balancer does. */
export interface Front {
  readonly port: number;
  /** The ports that may be handed connections from now on. */
  use(ports: readonly number[]): void;
  stop(): Promise<void>;
}

export async function startFront(): Promise<Front> {
  let ports: readonly number[] = [];
  let turn = 0;
  const sockets = new Set<Socket>();
  const listener = createServer((client) => {
    turn += 1;
    const port = ports[turn % Math.max(1, ports.length)];
    if (port === undefined) return void client.destroy();
    const node = connect(port, '127.0.0.1');
    for (const [one, other] of [
      [client, node],
      [node, client],
    ] as const) {
      sockets.add(one);
      one.setNoDelay(true).on('error', () => other.destroy());
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
    }
    client.pipe(node).pipe(client);
    return undefined;
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP listener has a port');
  return {
    port: address.port,
    use(next) {
      ports = next;
    },
    async stop() {
      const closed = once(listener, 'close');
      listener.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
