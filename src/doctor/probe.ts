import { Agent as HttpAgent, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { LookupFunction } from 'node:net';
import { TLSSocket } from 'node:tls';

export interface Ask {
  readonly method?: 'GET' | 'POST' | 'OPTIONS' | 'DELETE';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What came back, whatever it was. Redirects are not followed. */
export interface Reply {
  readonly url: string;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** Milliseconds since the epoch by this machine's clock, just before the request and just after its headers came. */
  readonly sentAt: number;
  readonly receivedAt: number;
  /** This machine's address on that connection. */
  readonly from: string;
  readonly certificate?: Certificate;
}

export interface Certificate {
  /** Why a client refuses it, in OpenSSL's or Node's word; `undefined` when it does not. */
  readonly refused: string | undefined;
  readonly validTo: Date;
  readonly subject: string;
  readonly names: string;
}

/** Nothing came back. */
export interface Silence {
  readonly url: string;
  /** `ECONNREFUSED`, `ENOTFOUND`, `TIMEOUT` … */
  readonly code: string;
}

export type Answer = Reply | Silence;

export function isReply(answer: Answer): answer is Reply {
  return 'status' in answer;
}

export interface Probe {
  ask(url: string, ask?: Ask): Promise<Answer>;
  close(): void;
}

const TIMEOUT = 10_000;
/** No document of a server has a hundredth of it. */
const MAX_BYTES = 1024 * 1024;
const USER_AGENT = 'gatehouse-doctor';

/**
 * Makes single requests and reports what came back.
 *
 * A certificate that is refused is noted and the request made all the same, because one fault must not
 * hide the others: nothing that is sent is a secret, and nothing that comes back is acted on.
 */
export function createProbe({ lookup }: { readonly lookup?: LookupFunction } = {}): Probe {
  // A resumed session would not be asked for its certificate again.
  const agents = {
    http: new HttpAgent({ keepAlive: true }),
    https: new HttpsAgent({ keepAlive: true, maxCachedSessions: 0, rejectUnauthorized: false }),
  };

  return {
    ask(url, { method = 'GET', headers = {}, body } = {}) {
      if (!/^https?:$/.test(URL.parse(url)?.protocol ?? ''))
        return Promise.resolve({ url, code: 'no address' });
      return new Promise((resolve) => {
        const secure = url.startsWith('https:');
        const sentAt = Date.now();
        const request = (secure ? httpsRequest : httpRequest)(url, {
          method,
          agent: secure ? agents.https : agents.http,
          timeout: TIMEOUT,
          signal: AbortSignal.timeout(2 * TIMEOUT),
          ...(lookup ? { lookup } : {}),
          // Of the URL, also when another Host is sent on purpose.
          ...(secure ? { servername: serverName(url) } : {}),
          headers: {
            'user-agent': USER_AGENT,
            ...headers,
            ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
          },
        });
        const silence = (code: string) => resolve({ url, code });
        request.on('timeout', () => request.destroy(new Error('TIMEOUT')));
        request.on('error', (error: NodeJS.ErrnoException) => silence(error.code ?? error.message));
        request.on('response', (response) => {
          const receivedAt = Date.now();
          const { socket } = response;
          const from = socket.localAddress ?? '';
          const certificate = socket instanceof TLSSocket ? certificateOf(socket) : undefined;
          const chunks: Buffer[] = [];
          let size = 0;
          const done = () =>
            resolve({
              url,
              status: response.statusCode ?? 0,
              headers: response.headers,
              text: Buffer.concat(chunks).toString('utf8'),
              sentAt,
              receivedAt,
              from,
              ...(certificate ? { certificate } : {}),
            });
          response.on('data', (chunk: Buffer) => {
            size += chunk.length;
            chunks.push(chunk);
            if (size <= MAX_BYTES) return;
            done();
            request.destroy();
          });
          response.on('end', done);
          response.on('error', (error: NodeJS.ErrnoException) => silence(error.code ?? error.message));
        });
        request.end(body);
      });
    },

    close() {
      agents.http.destroy();
      agents.https.destroy();
    },
  };
}

/** RFC 6066 §3: an address is no server name. */
function serverName(url: string): string {
  const { hostname } = new URL(url);
  return /^[\d.]+$|^\[/.test(hostname) ? '' : hostname;
}

function certificateOf(socket: TLSSocket): Certificate {
  const certificate = socket.getPeerCertificate();
  // Of a certificate for another name it is an error, of a chain a word.
  const refused: unknown = socket.authorizationError;
  return {
    refused:
      refused instanceof Error ? ((refused as NodeJS.ErrnoException).code ?? refused.message) : word(refused),
    validTo: new Date(certificate.valid_to),
    subject: certificate.subject?.CN === undefined ? '' : String(certificate.subject.CN),
    names: certificate.subjectaltname ?? '',
  };
}

function word(refused: unknown): string | undefined {
  return typeof refused === 'string' ? refused : undefined;
}
