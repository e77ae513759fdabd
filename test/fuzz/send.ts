import { connect } from 'node:net';

export interface Answer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/**
 * Sends bytes and reads what comes back until the other side closes; `undefined` when it closed
 * without a word. With `hangUp` nothing follows, and the other side is told so.
 *
 * Rejects when nothing is over after `timeout` milliseconds: that is a hang.
 */
export function sendBytes(
  port: number,
  bytes: Buffer,
  { hangUp, timeout }: { readonly hangUp: boolean; readonly timeout: number },
): Promise<Answer | undefined> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(port, '127.0.0.1');
    const timer = setTimeout(() => {
      socket.destroy();
      reject(
        new Error(`no end after ${timeout} ms; so far: ${Buffer.concat(chunks).toString().slice(0, 300)}`),
      );
    }, timeout);
    socket.on('data', (chunk) => chunks.push(chunk));
    // A server that will not read on cuts the connection after its answer.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(parse(Buffer.concat(chunks).toString()));
    });
    if (hangUp) socket.end(bytes);
    else socket.write(bytes);
  });
}

function parse(text: string): Answer | undefined {
  const [, status] = /^HTTP\/1\.1 (\d{3}) /.exec(text) ?? [];
  const end = text.indexOf('\r\n\r\n');
  if (status === undefined || end === -1) return undefined;
  if (status.startsWith('1')) return parse(text.slice(end + 4));
  const headers = new Map(
    text
      .slice(0, end)
      .split('\r\n')
      .slice(1)
      .map((line) => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
      }),
  );
  return { status: Number(status), headers, body: text.slice(end + 4) };
}
