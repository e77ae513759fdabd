import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';

import { FetchRefused } from './errors.ts';
import type { Fetched, GuardedRequest } from './fetch.ts';
import { inPieces } from './in-pieces.ts';
import type { Target } from './target.ts';

/** Bytes of the answer's header. */
const MAX_HEADER = 16 * 1024;
/** Interim answers (1xx) that are passed over. */
const MAX_INTERIM = 4;
/** Pieces that a body may come in: chunks and records of one byte each are no server's, and much work. */
const MAX_PIECES = 1024;

/**
 * One GET on one connection, which nobody used before and nobody will use after. Nothing is sent that
 * says who we are to that server: no cookie, no credential, no referrer. Nothing is followed and nothing
 * is decompressed; what is larger than agreed is not read.
 *
 * @throws FetchRefused
 */
export function exchange(
  socket: TLSSocket,
  target: Target,
  { accept, maxBytes }: Pick<GuardedRequest, 'accept' | 'maxBytes'>,
): Promise<Omit<Fetched, 'url'>> {
  const request = httpRequest({
    createConnection: () => inPieces(socket),
    method: 'GET',
    path: target.path,
    setHost: false,
    maxHeaderSize: MAX_HEADER,
    insecureHTTPParser: false,
    headers: {
      host: target.host,
      accept: accept.join(', '),
      'accept-encoding': 'identity',
      'user-agent': 'Gatehouse',
      connection: 'close',
    },
  });
  const answer = answerOf(request).then((response) => read(response, { accept, maxBytes }));
  request.end();
  return answer.finally(() => request.destroy());
}

function answerOf(request: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    let interim = 0;
    request.on('information', () => {
      interim += 1;
      if (interim <= MAX_INTERIM) return;
      reject(new FetchRefused('interim_answers'));
      request.destroy();
    });
    request.on('upgrade', () => reject(new FetchRefused('status_101')));
    request.on('error', (cause) => {
      reject(cause instanceof FetchRefused ? cause : new FetchRefused('no_answer', { cause }));
    });
    request.on('close', () => reject(new FetchRefused('no_answer')));
    request.once('response', resolve);
  });
}

async function read(
  response: IncomingMessage,
  { accept, maxBytes }: Pick<GuardedRequest, 'accept' | 'maxBytes'>,
): Promise<Omit<Fetched, 'url'>> {
  const { statusCode: status = 0 } = response;
  const headers = plain(response.headers);
  // Whoever hangs up in the middle is heard of here and nowhere else.
  response.on('error', () => {});
  // Neither a part of something (206) nor what we are said to have (304): nobody asked for that.
  if (status !== 200) throw new FetchRefused(`status_${status}`);
  if (!isAccepted(headers['content-type'], accept)) throw new FetchRefused('content_type');
  if (!['', 'identity'].includes(headers['content-encoding']?.trim().toLowerCase() ?? ''))
    throw new FetchRefused('content_encoding');
  if (!['', 'chunked'].includes(headers['transfer-encoding']?.trim().toLowerCase() ?? ''))
    throw new FetchRefused('transfer_encoding');
  if (Number(headers['content-length'] ?? 0) > maxBytes) throw new FetchRefused('too_large');
  return { headers, body: await readLimited(response, maxBytes) };
}

function readLimited(response: IncomingMessage, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const refuse = (detail: string, options?: ErrorOptions) => {
      reject(new FetchRefused(detail, options));
      response.destroy();
    };
    response.on('data', (chunk: Buffer) => {
      size += chunk.length;
      chunks.push(chunk);
      if (size > maxBytes) refuse('too_large');
      else if (chunks.length > MAX_PIECES) refuse('too_many_pieces');
    });
    response.once('error', (cause) => refuse('cut_off', { cause }));
    response.once('close', () => {
      if (response.complete) resolve(Buffer.concat(chunks));
      else refuse('cut_off');
    });
  });
}

/** One value per name, cookies left out. */
function plain(headers: IncomingMessage['headers']): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])),
  );
}

/** By the media type alone; a parameter says nothing that the content does not. `application/*+json` is a family. */
function isAccepted(contentType: string | undefined, accept: readonly string[]): boolean {
  const type = contentType?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  return accept.some((accepted) => {
    const [front, suffix] = accepted.split('*');
    if (suffix === undefined) return type === accepted;
    return (
      /^[\w.+-]+\/[\w.+-]+$/.test(type) &&
      type.startsWith(front ?? '') &&
      type.endsWith(suffix) &&
      type.length > accepted.length - 1
    );
  });
}
