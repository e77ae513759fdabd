/** The longest delay that a timer takes. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/**
 * A stream that ends when its time is over, and cancels its source then.
 *
 * For event streams that a token opened: what the token no longer allows to ask for must not go on
 * arriving.
 */
export function endAfter(
  source: ReadableStream<Uint8Array>,
  milliseconds: number,
): ReadableStream<Uint8Array> {
  const reader = source.getReader();
  let timer: ReturnType<typeof setTimeout>;
  let open = true;

  function end(): boolean {
    const wasOpen = open;
    open = false;
    clearTimeout(timer);
    return wasOpen;
  }

  return new ReadableStream({
    start(controller) {
      timer = setTimeout(
        () => {
          if (end()) controller.close();
          reader.cancel().catch(() => {});
        },
        Math.min(milliseconds, MAX_DELAY_MS),
      );
    },
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (!open) return;
        if (!done) controller.enqueue(value);
        else if (end()) controller.close();
      } catch (error) {
        if (end()) controller.error(error);
      }
    },
    cancel(reason) {
      end();
      return reader.cancel(reason);
    },
  });
}

interface NodeResponse {
  getHeader(name: string): unknown;
  end(): unknown;
  once(event: 'close', listener: () => void): unknown;
}

/** The same for a response of `node:http`: its event stream, if it is one, ends when its time is over. */
export function endResponseAfter(response: NodeResponse, milliseconds: number): void {
  const timer = setTimeout(
    () => {
      if (isEventStream(response.getHeader('content-type'))) response.end();
    },
    Math.min(milliseconds, MAX_DELAY_MS),
  );
  response.once('close', () => clearTimeout(timer));
}

/** Whether a content type is that of server-sent events. */
export function isEventStream(contentType: unknown): boolean {
  return typeof contentType === 'string' && /^text\/event-stream\b/i.test(contentType);
}
