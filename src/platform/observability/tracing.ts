import { AsyncLocalStorage } from 'node:async_hooks';
import type { Attributes, Span, Tracer } from '@opentelemetry/api';

import type { Logger } from './log.ts';
import { type OtlpSettings, openOtlp } from './otlp.ts';
import { parseTraceparent } from './traceparent.ts';

/** Runs `work` as a named part of the request in hand; outside of a traced request it just runs it. */
export type Trace = <T>(name: string, work: () => Promise<T>, attributes?: Attributes) => Promise<T>;

/** The trace of one request. */
export interface RequestTrace {
  /** Runs `work` so that what it does belongs to this request. */
  run<T>(work: () => T): T;
  /** Ends it. What is said here is all that is kept of the request. */
  end(facts: { readonly name: string; readonly attributes: Attributes; readonly failed: boolean }): void;
}

export interface Tracing {
  /** Begins the trace of a request, below the `traceparent` that it came with if that is well-formed. */
  request(traceparent: string | readonly string[] | undefined): RequestTrace;
  readonly trace: Trace;
  /** Sends what is left, for at most a few seconds, and ends. */
  close(): Promise<void>;
}

/**
 * Traces, sent by OTLP over HTTP. OpenTelemetry is loaded here and nowhere else, and only when traces
 * are wanted: without them nothing of it runs. It patches nothing and registers nothing globally;
 * what is traced says so, and nothing that a caller sent becomes part of a span, except its
 * `traceparent`.
 */
export async function openTracing(settings: OtlpSettings, log: Logger): Promise<Tracing> {
  const {
    ROOT_CONTEXT,
    SpanKind,
    SpanStatusCode,
    trace: api,
    TraceFlags,
  } = await import('@opentelemetry/api');
  const otlp = await openOtlp(settings, log);
  const tracer: Tracer = otlp.tracer;
  const current = new AsyncLocalStorage<Span>();
  const under = (span: Span) => api.setSpan(ROOT_CONTEXT, span);

  return {
    request(traceparent) {
      const parent = parseTraceparent(traceparent);
      const context = parent
        ? api.setSpanContext(ROOT_CONTEXT, {
            traceId: parent.traceId,
            spanId: parent.spanId,
            traceFlags: parent.sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
            isRemote: true,
          })
        : ROOT_CONTEXT;
      const span = tracer.startSpan('request', { kind: SpanKind.SERVER }, context);
      return {
        run: (work) => current.run(span, work),
        end({ name, attributes, failed }) {
          span.updateName(name);
          span.setAttributes(attributes);
          if (failed) span.setStatus({ code: SpanStatusCode.ERROR });
          span.end();
        },
      };
    },

    async trace(name, work, attributes = {}) {
      const parent = current.getStore();
      if (!parent?.isRecording()) return work();
      const span = tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes }, under(parent));
      try {
        return await current.run(span, work);
      } catch (error) {
        // Only that it failed: a message may repeat what it was given.
        span.setStatus({ code: SpanStatusCode.ERROR });
        throw error;
      } finally {
        span.end();
      }
    },

    close: otlp.close,
  };
}
