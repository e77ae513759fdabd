import type { ServerResponse } from 'node:http';
import type { Logger } from 'pino';

import type { RequestState } from './context.ts';

/** What a line says of a request that is over. */
interface Line extends RequestState {
  readonly method: string;
  /** Without query, and without what could be a token. */
  readonly path: string;
  /** Of `performance.now()`. */
  readonly started: number;
}

/** Writes the one line of a request, when its response is over. */
export type RequestLog = (res: ServerResponse, line: Line) => void;

export function createRequestLog(log: Logger): RequestLog {
  // Its members are the ones below and none is a secret; looking for secrets takes longer than writing.
  const lines = log.child({}, { redact: [] });

  return (res, { requestId, network, method, path, started }) => {
    lines.info(
      {
        request_id: requestId,
        network,
        method,
        path,
        status: res.statusCode,
        ms: Math.round((performance.now() - started) * 10) / 10,
        ...(res.writableFinished ? {} : { aborted: true }),
      },
      'request',
    );
  };
}
