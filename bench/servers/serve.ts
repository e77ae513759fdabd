import { createServer, type RequestListener } from 'node:http';

import type { Supplies } from '../targets/target.ts';

/** The port that the process was told to listen on, and what else it was told. */
export function settings(): {
  readonly port: number;
  readonly issuer: string;
  readonly more: readonly string[];
} {
  const [port = '0', ...more] = process.argv.slice(2);
  return { port: Number(port), issuer: `http://localhost:${port}`, more };
}

/** Serves on loopback, keeps connections as long as Gatehouse does, and makes work when it is asked for it. */
export function serve(handler: RequestListener, port: number, supplies: Supplies): void {
  const server = createServer({ keepAliveTimeout: 65_000 }, handler);
  server.listen(port, '127.0.0.1');
  process.on('message', async (message) => {
    const { scenario, operations } = message as { scenario: keyof Supplies; operations: number };
    try {
      process.send?.({ work: await supplies[scenario]?.make(operations) });
    } catch (error) {
      process.send?.({ error: String((error as Error).stack) });
    }
  });
  process.once('SIGTERM', () => process.exit(0));
}

/** The body of a small form. */
export async function readBody(request: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
