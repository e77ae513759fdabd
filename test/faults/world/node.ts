import type { TokenResponse } from '../../support/flow.ts';
import { freePort } from '../../support/free-port.ts';
import { type ServerProcess, startServerProcess } from '../../support/server-process.ts';

/** One server process of the installation, which can be killed and comes back at the same port. */
export interface Node {
  readonly name: string;
  readonly port: number;
  isUp(): boolean;
  start(): Promise<void>;
  /** `kill -9`. */
  kill(): Promise<void>;
  stop(): Promise<void>;
  post(
    path: string,
    params: Readonly<Record<string, string>>,
    headers?: Readonly<Record<string, string>>,
  ): Promise<TokenResponse>;
  /** What it wrote, over all its lives. */
  output(): string;
}

export async function createNode(
  name: string,
  environment: Readonly<Record<string, string>>,
  onChange: () => void,
): Promise<Node> {
  const port = await freePort();
  let running: ServerProcess | undefined;
  let earlier = '';
  const retire = async (end: (server: ServerProcess) => Promise<void>) => {
    const server = running;
    if (!server) return;
    running = undefined;
    onChange();
    await end(server);
    earlier = (earlier + server.output()).slice(-200_000);
  };
  return {
    name,
    port,
    isUp: () => running !== undefined,
    async start() {
      running = await startServerProcess(environment, port);
      onChange();
    },
    kill: () => retire((server) => server.kill()),
    stop: () => retire((server) => server.stop()),
    async post(path, params, headers) {
      if (!running) throw new Error(`${name} is down`);
      return running.post(path, params, headers);
    },
    output: () => earlier + (running?.output() ?? ''),
  };
}
