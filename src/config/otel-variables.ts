import type { Environment, ForeignReading, ForeignVariable } from './foreign-variables.js';

const SAME: ForeignReading = { kind: 'same' };
const IGNORED: ForeignReading = { kind: 'ignored' };

/** Which part is traced, by the samplers that name none. */
const FIXED_RATIOS: Readonly<Record<string, string>> = { always_on: '1', always_off: '0' };

/**
 * The environment of OpenTelemetry's own libraries, as far as it is about traces: what an operator, or a cluster, sets
 * for every program means the same here, where nothing of our own is set. (OpenTelemetry, "Environment Variable
 * Specification" and "OpenTelemetry Protocol Exporter")
 */
export const OTEL_VARIABLES: readonly ForeignVariable[] = [
  endpoint('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'),
  endpoint('OTEL_EXPORTER_OTLP_ENDPOINT'),
  headers('OTEL_EXPORTER_OTLP_TRACES_HEADERS'),
  headers('OTEL_EXPORTER_OTLP_HEADERS'),
  {
    ...{ name: 'OTEL_EXPORTER_OTLP_CERTIFICATE', default: '', here: '`--otlp-root`' },
    read: (value, { environment }) => (whyNotExported(environment) ? SAME : sets('otlp-root', value)),
  },
  protocol('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'),
  protocol('OTEL_EXPORTER_OTLP_PROTOCOL'),
  {
    ...{ name: 'OTEL_SERVICE_NAME', default: '', here: '`--trace-service`' },
    read: (value) => sets('trace-service', value),
  },
  {
    ...{ name: 'OTEL_RESOURCE_ATTRIBUTES', default: '', here: '`--trace-resource`, for each pair of the list' },
    read: (value) => list('trace-resource', value),
  },
  {
    ...{ name: 'OTEL_TRACES_SAMPLER', default: 'parentbased_always_on' },
    here: '`--trace-ratio`: 1 or 0 for `always_on` and `always_off`, `OTEL_TRACES_SAMPLER_ARG` for `traceidratio`; with `parentbased_` in front also `--trace-parent-based` of Citadel',
    read(value, { environment }) {
      const [, parent, name = ''] = /^(parentbased_)?(.*)$/s.exec(value) ?? [];
      const ratio = name === 'traceidratio' ? environment.OTEL_TRACES_SAMPLER_ARG || '1' : FIXED_RATIOS[name];
      if (ratio === undefined) return IGNORED;
      const first = { flag: 'trace-ratio', text: ratio };
      if (parent === undefined) return { kind: 'sets', settings: [first] };
      return { kind: 'sets', settings: [first, { flag: 'trace-parent-based', text: 'true' }] };
    },
  },
  {
    ...{ name: 'OTEL_TRACES_EXPORTER', default: 'otlp', here: 'with any other value there are no traces' },
    read: (value) => (['otlp', 'none'].includes(value) ? SAME : IGNORED),
  },
  {
    ...{ name: 'OTEL_SDK_DISABLED', default: 'false', here: 'with `true` there are no traces' },
    read: () => SAME,
  },
];

function endpoint(name: string): ForeignVariable {
  return {
    ...{
      name,
      default: '',
      here: '`--otlp-endpoint`, unless one of the variables below says that there are no traces',
    },
    read: (value, { environment }) => (whyNotExported(environment) ? SAME : sets('otlp-endpoint', value)),
  };
}

function protocol(name: string): ForeignVariable {
  return {
    ...{ name, default: 'http/protobuf', here: 'always `http/protobuf`; with `grpc` there are no traces' },
    read: (value) => (value === 'grpc' ? IGNORED : SAME),
  };
}

function headers(name: string): ForeignVariable {
  return {
    ...{ name, default: '', here: '`--otlp-header`, for each pair of the list' },
    read: (value, { environment }) => (whyNotExported(environment) ? SAME : list('otlp-header', value)),
  };
}

/** What the environment says is not for us: whole programs without traces, and what speaks gRPC at its endpoint. */
function whyNotExported(environment: Environment): boolean {
  const { OTEL_SDK_DISABLED, OTEL_TRACES_EXPORTER, OTEL_EXPORTER_OTLP_TRACES_PROTOCOL } = environment;
  const spoken = OTEL_EXPORTER_OTLP_TRACES_PROTOCOL || environment.OTEL_EXPORTER_OTLP_PROTOCOL;
  const exporter = OTEL_TRACES_EXPORTER || 'otlp';
  return OTEL_SDK_DISABLED?.toLowerCase() === 'true' || exporter !== 'otlp' || spoken === 'grpc';
}

function sets(flag: string, text: string): ForeignReading {
  return { kind: 'sets', settings: [{ flag, text }] };
}

/** `name=value,name=value`, the values percent-encoded. (W3C Baggage §3.3) */
function list(flag: string, value: string): ForeignReading {
  const [first, ...others] = value
    .split(',')
    .map((pair) => pair.trim())
    .filter((pair) => pair !== '')
    .map((pair) => ({ flag, text: decoded(pair) }));
  return first === undefined ? SAME : { kind: 'sets', settings: [first, ...others] };
}

function decoded(pair: string): string {
  const at = pair.indexOf('=');
  const [name, value] = [pair.slice(0, Math.max(at, 0)).trim(), pair.slice(at + 1).trim()];
  try {
    return `${name}=${decodeURIComponent(value)}`;
  } catch {
    return pair;
  }
}
