import { connect, type Socket } from 'node:net';

export interface Answer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** A client of one server, with as many kept connections as there are requests at once. */
export interface HttpClient {
  /** Sends the bytes of one whole request. */
  send(request: Buffer): Promise<Answer>;
  close(): void;
}

interface Connection {
  readonly socket: Socket;
  send(request: Buffer): Promise<Answer>;
}

/**
 * HTTP/1.1 on bare sockets. The client of `node:http` takes as much time as the servers that are
 * measured here, and would be what limits them.
 */
export function createHttpClient({
  host,
  port,
}: {
  readonly host: string;
  readonly port: number;
}): HttpClient {
  const idle: Connection[] = [];
  const all = new Set<Connection>();

  function open(): Connection {
    const connection = createConnection(connect({ host, port, noDelay: true }), () => {
      all.delete(connection);
      const at = idle.indexOf(connection);
      if (at !== -1) idle.splice(at, 1);
    });
    all.add(connection);
    return connection;
  }

  return {
    async send(request) {
      const connection = idle.pop() ?? open();
      const answer = await connection.send(request);
      if (!connection.socket.destroyed) idle.push(connection);
      return answer;
    },
    close() {
      for (const { socket } of all) socket.destroy();
    },
  };
}

function createConnection(socket: Socket, gone: () => void): Connection {
  let received = '';
  let waiting: PromiseWithResolvers<Answer> | undefined;

  socket.setEncoding('latin1');
  socket.on('data', (text: string) => {
    received += text;
    const read = readAnswer(received);
    if (read === undefined) return;
    received = received.slice(read.length);
    const { answer } = read;
    if (/\r\nconnection: close/i.test(answer.head)) socket.destroy();
    waiting?.resolve(answer);
    waiting = undefined;
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    gone();
    waiting?.reject(new Error('the server closed the connection'));
  });

  return {
    socket,
    send(request) {
      waiting = Promise.withResolvers();
      socket.write(request);
      return waiting.promise;
    },
  };
}

/** The first whole answer of what was received, and how much of it that is. */
function readAnswer(text: string): { readonly answer: Answer; readonly length: number } | undefined {
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const head = text.slice(0, end);
  const status = Number(head.slice(9, 12));
  const start = end + 4;
  if (status === 204 || status === 304) return { answer: { status, head, body: '' }, length: start };
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  if (length !== undefined) {
    const stop = start + Number(length);
    return text.length < stop
      ? undefined
      : { answer: { status, head, body: text.slice(start, stop) }, length: stop };
  }
  const chunked = readChunks(text, start);
  return chunked && { answer: { status, head, body: chunked.body }, length: chunked.stop };
}

function readChunks(
  text: string,
  start: number,
): { readonly body: string; readonly stop: number } | undefined {
  let body = '';
  for (let at = start; ; ) {
    const line = text.indexOf('\r\n', at);
    if (line === -1) return undefined;
    const size = Number.parseInt(text.slice(at, line), 16);
    const next = line + 2 + size + 2;
    if (Number.isNaN(size) || text.length < next) return undefined;
    if (size === 0) return { body, stop: next };
    body += text.slice(line + 2, line + 2 + size);
    at = next;
  }
}
