import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { gzipSync } from 'node:zlib';

import { createTestAuthority } from '../../test/support/certificates.ts';
import { freePort } from '../../test/support/free-port.ts';
import { ALL_NAMES, type Behaviour, behaviourOf, goodDocument } from '../web/documents.ts';

/**
 * The web where clients publish their metadata documents, in a process of its own: good ones, and everything
 * that somebody may put there instead to hurt whoever fetches it. HTTP is written by hand, because no server
 * does what these do.
 */

/** Milliseconds between two bytes of an answer that takes its time. */
const DRIP = 50;
/** Bytes that are written at once where there is no end to them. */
const BLOCK = 64 * 1024;
const JSON_HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n';
/** Bytes of a document, at the most. */
const LARGEST = 32 * 1024;
/** A hundred megabytes, in a hundred kilobytes. */
const BOMB = gzipSync(Buffer.alloc(100 * 2 ** 20, 0x20));

const answers: Readonly<Record<Behaviour, (socket: TLSSocket, url: string) => void>> = {
  good: (socket, url) => whole(socket, goodDocument(url)),
  'slow-body': (socket) => {
    socket.write(`${JSON_HEAD}\r\n{`);
    drip(socket, ' ');
  },
  'slow-head': (socket) => {
    socket.write(`${JSON_HEAD}x-slow: `);
    drip(socket, 'a');
  },
  silent: () => {},
  mute: () => {},
  'endless-body': (socket) => {
    const block = Buffer.concat([
      Buffer.from(`${BLOCK.toString(16)}\r\n`),
      Buffer.alloc(BLOCK, 0x20),
      Buffer.from('\r\n'),
    ]);
    socket.write(`${JSON_HEAD}transfer-encoding: chunked\r\n\r\n`);
    flow(socket, block);
  },
  'endless-head': (socket) => {
    socket.write(JSON_HEAD);
    flow(socket, Buffer.from(`x-endless: ${'a'.repeat(1000)}\r\n`.repeat(BLOCK / 1024)));
  },
  'endless-interim': (socket) =>
    flow(socket, Buffer.from('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(BLOCK / 32))),
  huge: (socket) => {
    socket.write(`${JSON_HEAD}content-length: ${2 ** 40}\r\n\r\n`);
    flow(socket, Buffer.alloc(BLOCK, 0x20));
  },
  compressed: (socket) => whole(socket, BOMB, 'content-encoding: gzip\r\n'),
  'wrong-type': (socket, url) => {
    const document = goodDocument(url);
    socket.end(
      `HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: ${document.length}\r\n\r\n${document}`,
    );
  },
  redirecting: (socket, url) => {
    socket.end(
      `HTTP/1.1 302 Found\r\nlocation: ${url.replace('client', 'elsewhere')}\r\ncontent-length: 0\r\n\r\n`,
    );
  },
  'hanging-up': (socket) => socket.destroy(),
  closed: (socket) => socket.destroy(),
  nameless: (socket) => socket.destroy(),
  costly: (socket, url) => whole(socket, costlyDocument(url)),
  // Each byte a record of its own, or a chunk, as many of them as a document may have bytes.
  'crumbs-of-tls': (socket) => {
    socket.write(`${JSON_HEAD}content-length: ${LARGEST}\r\n\r\n`);
    socket.setNoDelay(true);
    crumble(socket, LARGEST);
  },
  'crumbs-of-http': (socket) => {
    socket.write(`${JSON_HEAD}transfer-encoding: chunked\r\n\r\n`);
    socket.end(`${'1\r\n \r\n'.repeat(LARGEST)}0\r\n\r\n`);
  },
};

const authority = createTestAuthority();
const web = createTlsServer({ ...authority.certify(ALL_NAMES), ALPNProtocols: ['http/1.1'] }, (socket) => {
  socket.on('error', () => {});
  let request = '';
  socket.setEncoding('latin1').on('data', function read(text: string) {
    request += text;
    if (!request.includes('\r\n\r\n')) return;
    socket.off('data', read).resume();
    const host = /\r\nhost: ([^\r]+)/i.exec(request)?.[1] ?? '';
    const url = `https://${host}${request.split(' ', 2)[1]}`;
    answers[behaviourOf(host)](socket, url);
  });
});
web.on('tlsClientError', () => {});
const mute = createServer((socket: Socket) => socket.on('error', () => {}).resume());
const ports = { web: await portOf(web), mute: await portOf(mute), closed: await freePort() };
process.send?.({ ports, ca: authority.ca });
process.once('SIGTERM', () => process.exit(0));
process.once('disconnect', () => process.exit(0));

function whole(socket: TLSSocket, body: Buffer, headers = ''): void {
  socket.write(`${JSON_HEAD}${headers}cache-control: max-age=3600\r\ncontent-length: ${body.length}\r\n\r\n`);
  socket.end(body);
}

/** A byte now and then, until the other side has had enough. */
function drip(socket: TLSSocket, byte: string): void {
  const timer = setInterval(() => socket.write(byte), DRIP);
  socket.once('close', () => clearInterval(timer));
}

/** The same bytes again and again, as quickly as they are taken. */
function flow(socket: TLSSocket, block: Buffer): void {
  while (!socket.destroyed && socket.write(block));
  if (!socket.destroyed) socket.once('drain', () => flow(socket, block));
}

/** So many bytes, one by one, as quickly as they are taken. */
function crumble(socket: TLSSocket, left: number): void {
  let rest = left;
  while (rest > 0 && !socket.destroyed && socket.write(' ')) rest -= 1;
  if (rest > 0 && !socket.destroyed) socket.once('drain', () => crumble(socket, rest - 1));
}

/** As large as is allowed, with as many names in it as there is room for. */
function costlyDocument(url: string): Buffer {
  const start = JSON.stringify({
    ...JSON.parse(goodDocument(url).toString()),
    redirect_uris: ['javascript:0'],
  });
  const names: string[] = [];
  for (let size = start.length; size < 32_000; size += names.at(-1)?.length ?? 0)
    names.push(`,"${names.length}":0`);
  return Buffer.from(`${start.slice(0, -1)}${names.join('')}}`);
}

async function portOf(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
