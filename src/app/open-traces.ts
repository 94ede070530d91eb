import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { TraceConfig } from '../config/index.js';
import { IdentityError } from '../errors/index.js';
import type { MetricRegistry } from '../telemetry/index.js';
import type { OpenedTracing } from '../tracing/index.js';
import type { AppContext, Teardown } from './running-app.js';
import { VERSION } from './version.js';

export interface TraceSurroundings {
  /** What the process is called in its traces where nothing else is configured. */
  readonly service: string;
  /** What is known of it besides. */
  readonly attributes?: Readonly<Record<string, string | undefined>>;
  readonly context: Pick<AppContext, 'logger' | 'random'>;
  readonly metrics: MetricRegistry;
  readonly teardown: Teardown;
}

/** Loads what records traces; its end, which sends the last ones, is put onto the teardown. */
export async function openTraces(config: TraceConfig, surroundings: TraceSurroundings): Promise<OpenedTracing> {
  const { otlpEndpoint: url, otlpHeaders, otlpRootFile, traceRatio: ratio, isTraceParentBased = false } = config;
  if (url === undefined) throw new IdentityError('ERR_INTERNAL', 'traces: got no collector');
  const { context, metrics, teardown } = surroundings;
  const { logger, random } = context;
  const headers = Object.fromEntries(otlpHeaders.map(({ name, value }) => [name, value]));
  const rootsPem = otlpRootFile === undefined ? undefined : await readFile(otlpRootFile);
  const { openTracing } = await import('../tracing/index.js');
  const tracing = openTracing({
    endpoint: { url, headers, rootsPem },
    resource: resourceOf(config, surroundings),
    ...{ ratio, isParentBased: isTraceParentBased, random, version: VERSION, logger, metrics },
  });
  teardown.add(() => tracing.close());
  return tracing;
}

/** What is configured comes before what is known. (OpenTelemetry, "Resource semantic conventions") */
function resourceOf(
  { traceService, traceResource }: TraceConfig,
  { service, attributes }: TraceSurroundings,
): Readonly<Record<string, string>> {
  const resource = {
    ...{ 'service.name': service, 'service.version': VERSION, 'host.name': hostname(), ...attributes },
    ...Object.fromEntries(traceResource.map(({ name, value }) => [name, value])),
    ...(traceService !== undefined && { 'service.name': traceService }),
  };
  const known = Object.entries(resource).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
  return Object.fromEntries(known);
}
