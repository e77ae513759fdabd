import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';

/**
 * Lets some requests in one by one, a single one in each round of the event loop. What arrives in the same moment
 * would otherwise all begin in one round, and what comes next would wait until each of them waits for something.
 * Alone, one is let in before the next round.
 */
export function oneByOne(
  listener: RequestListener,
  canWait: (request: IncomingMessage) => boolean,
): RequestListener {
  const line = new Set<readonly [IncomingMessage, ServerResponse]>();

  function letIn(): void {
    const [next] = line;
    if (!next) return;
    line.delete(next);
    if (line.size > 0) setImmediate(letIn);
    listener(...next);
  }

  return (request, response) => {
    if (!canWait(request)) {
      listener(request, response);
      return;
    }
    line.add([request, response]);
    if (line.size === 1) setImmediate(letIn);
  };
}
