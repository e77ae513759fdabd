import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** A span, as it arrived. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for the first of a trace. */
  readonly parentSpanId: string;
  readonly name: string;
  readonly failed: boolean;
  readonly attributes: Readonly<Record<string, string | number>>;
}

export interface OtlpReceiver {
  readonly endpoint: string;
  readonly spans: readonly ReceivedSpan[];
  /** Everything that arrived, as it was sent. */
  text(): string;
  /** Waits for the spans of the trace in which there is one that `is` it. */
  traceOf(is: (span: ReceivedSpan) => boolean): Promise<readonly ReceivedSpan[]>;
  close(): Promise<void>;
}

interface Wire {
  readonly resourceSpans: readonly {
    readonly scopeSpans: readonly { readonly spans: readonly WireSpan[] }[];
  }[];
}
interface WireSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly status?: { readonly code?: number };
  readonly attributes?: readonly {
    readonly key: string;
    readonly value: { readonly stringValue?: string; readonly intValue?: number };
  }[];
}

const PATIENCE_MS = 15_000;
/** `STATUS_CODE_ERROR` of the protocol. */
const ERROR = 2;

/** A collector of traces that speaks OTLP over HTTP with JSON, and remembers what it was sent. */
export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  let text = '';
  const server = createServer(async (req, res) => {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    text += body;
    const { resourceSpans } = JSON.parse(body) as Wire;
    for (const { scopeSpans } of resourceSpans)
      for (const scope of scopeSpans) spans.push(...scope.spans.map(received));
    res.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  return {
    endpoint: `http://127.0.0.1:${port}/v1/traces`,
    spans,
    text: () => text,
    async traceOf(is) {
      const deadline = performance.now() + PATIENCE_MS;
      while (performance.now() < deadline) {
        const found = spans.find(is);
        if (found) return spans.filter(({ traceId }) => traceId === found.traceId);
        await delay(50);
      }
      throw new Error(`no such trace among ${spans.map(({ name }) => name).join(', ')}`);
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function received({
  traceId,
  spanId,
  parentSpanId = '',
  name,
  status,
  attributes = [],
}: WireSpan): ReceivedSpan {
  return {
    traceId,
    spanId,
    parentSpanId,
    name,
    failed: status?.code === ERROR,
    attributes: Object.fromEntries(
      attributes.map(({ key, value }) => [key, value.stringValue ?? value.intValue ?? '']),
    ),
  };
}
