import type { Tracer } from '@opentelemetry/api';
import type { SpanExporter } from '@opentelemetry/sdk-trace';

import type { Logger } from './log.ts';

export interface OtlpSettings {
  /** Where traces go: the whole URL, for example `http://localhost:4318/v1/traces`. */
  readonly endpoint: string;
  /** Of the traces, this part is kept: 0 to 1. */
  readonly sample: number;
  /** Of this program. */
  readonly version: string;
}

/** Milliseconds that one export may take. */
const EXPORT_TIMEOUT = 5_000;
/** Milliseconds between two exports. */
const INTERVAL = 2_000;

/**
 * The exporter of OpenTelemetry. Spans wait in a bounded queue and are dropped beyond it, so a
 * collector that is away costs no request anything; that it is away is said once in the log.
 *
 * A caller that does not keep its own part of a trace is followed. One that keeps it is followed
 * within `sample`, which is judged by the trace id, so that two services with the same share keep the
 * same traces, and so that nobody outside decides how much is kept.
 */
export async function openOtlp(
  { endpoint, sample, version }: OtlpSettings,
  log: Logger,
): Promise<{ readonly tracer: Tracer; close(): Promise<void> }> {
  const [{ OTLPTraceExporter }, { resourceFromAttributes }, sdk] = await Promise.all([
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
    import('@opentelemetry/sdk-trace'),
  ]);
  const share = new sdk.TraceIdRatioBasedSampler(sample);
  const exporter = announcing(new OTLPTraceExporter({ url: endpoint, timeoutMillis: EXPORT_TIMEOUT }), log);
  const provider = new sdk.TracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'gatehouse', 'service.version': version }),
    sampler: new sdk.ParentBasedSampler({ root: share, remoteParentSampled: share }),
    spanProcessors: [
      new sdk.BatchSpanProcessor({
        exporter,
        scheduledDelayMillis: INTERVAL,
        exportTimeoutMillis: EXPORT_TIMEOUT,
      }),
    ],
  });
  return {
    tracer: provider.getTracer('gatehouse', version),
    close: () =>
      provider.shutdown().catch((error: unknown) => {
        log.warn({ err: error }, 'the last traces were not delivered');
      }),
  };
}

/** Says in the log when exporting begins to fail, and when it works again. */
function announcing(exporter: SpanExporter, log: Logger): SpanExporter {
  let failing = false;
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        if (result.error && !failing) log.warn({ err: result.error }, 'traces are not delivered');
        if (!result.error && failing) log.info('traces are delivered again');
        failing = result.error !== undefined;
        done(result);
      });
    },
    shutdown: () => exporter.shutdown(),
    forceFlush: async () => exporter.forceFlush?.(),
  };
}
