/**
 * tracing: records how certificates are issued as traces of OpenTelemetry, and sends them to a collector (OTLP over
 * HTTP). Loaded only where a collector is configured; the rooms see the `Tracer` of `telemetry` alone.
 */
export type { IssuanceTraces } from './issuance-traces.js';
export { type OpenedTracing, openTracing } from './open-tracing.js';
