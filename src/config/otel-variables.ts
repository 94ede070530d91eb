import type {
  Environment,
  ForeignReading,
  ForeignSetting,
  ForeignSurroundings,
  ForeignVariable,
} from './foreign-variables.js';
import { type Kind, text } from './kinds.js';
import { otlpHeader } from './secret-header.js';
import { traceRatio, traceResource } from './trace-options.js';

const SAME: ForeignReading = { kind: 'same' };
const IGNORED: ForeignReading = { kind: 'ignored' };

/** Which part is traced, by the samplers that name none. */
const FIXED_RATIOS: Readonly<Record<string, string>> = { always_on: '1', always_off: '0' };

/**
 * The environment of OpenTelemetry's own libraries, as far as it is about traces: what an operator, or a cluster, sets
 * for every program means the same here, where nothing of our own is set. Without a collector it is not read, and with
 * one, what cannot be used is ignored and told: it never keeps a program from starting. An endpoint or roots that are
 * none do: without them there are no traces. (OpenTelemetry, "Environment Variable Specification" and
 * "OpenTelemetry Protocol Exporter")
 */
export const OTEL_VARIABLES: readonly ForeignVariable[] = [
  endpoint('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'),
  endpoint('OTEL_EXPORTER_OTLP_ENDPOINT'),
  headers('OTEL_EXPORTER_OTLP_TRACES_HEADERS'),
  headers('OTEL_EXPORTER_OTLP_HEADERS'),
  {
    ...{ name: 'OTEL_EXPORTER_OTLP_CERTIFICATE', default: '', here: '`--otlp-root`' },
    read(value, surroundings) {
      const isRead = isTraced(surroundings) && isExported(surroundings.environment);
      return isRead ? { kind: 'sets', settings: [{ flag: 'otlp-root', text: value }] } : SAME;
    },
  },
  protocol('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'),
  protocol('OTEL_EXPORTER_OTLP_PROTOCOL'),
  {
    ...{ name: 'OTEL_SERVICE_NAME', default: '', here: '`--trace-service`' },
    read: (value, surroundings) => usable(surroundings, { flag: 'trace-service', kind: text }, [value]),
  },
  {
    ...{ name: 'OTEL_RESOURCE_ATTRIBUTES', default: '', here: '`--trace-resource`, for each pair of the list' },
    read: (value, surroundings) =>
      usable(surroundings, { flag: 'trace-resource', kind: traceResource }, pairsOf(value)),
  },
  {
    ...{ name: 'OTEL_TRACES_SAMPLER', default: 'parentbased_always_on' },
    here: '`--trace-ratio`: 1 or 0 for `always_on` and `always_off`, `OTEL_TRACES_SAMPLER_ARG` for `traceidratio`; with `parentbased_` in front also `--trace-parent-based` of Citadel',
    read: (value, surroundings) => (isTraced(surroundings) ? sampler(value, surroundings) : SAME),
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
    read: (value, { environment }) =>
      isExported(environment) ? { kind: 'sets', settings: [{ flag: 'otlp-endpoint', text: value }] } : SAME,
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
    read(value, surroundings) {
      if (!isExported(surroundings.environment)) return SAME;
      return usable(surroundings, { flag: 'otlp-header', kind: otlpHeader }, pairsOf(value));
    },
  };
}

/** An argument that is no ratio counts as none. (OpenTelemetry, "General SDK Configuration") */
function sampler(value: string, { environment, files }: ForeignSurroundings): ForeignReading {
  const [, parent, name = ''] = /^(parentbased_)?(.*)$/s.exec(value) ?? [];
  const argument = environment.OTEL_TRACES_SAMPLER_ARG || '1';
  const isRatio = traceRatio.parse(argument, files) !== undefined;
  const ratio = name === 'traceidratio' ? (isRatio ? argument : '1') : FIXED_RATIOS[name];
  if (ratio === undefined) return IGNORED;
  const isPartlyIgnored = name === 'traceidratio' && !isRatio;
  const first = { flag: 'trace-ratio', text: ratio };
  const others = parent === undefined ? [] : [{ flag: 'trace-parent-based', text: 'true' }];
  return { kind: 'sets', settings: [first, ...others], isPartlyIgnored };
}

/** Whether there is a collector, by our own settings or by the environment. */
function isTraced({ environment, isSet }: ForeignSurroundings): boolean {
  const { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, OTEL_EXPORTER_OTLP_ENDPOINT } = environment;
  const hasEndpoint = Boolean(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || OTEL_EXPORTER_OTLP_ENDPOINT);
  return isSet('otlp-endpoint') || (hasEndpoint && isExported(environment));
}

/** Unless the environment is for whole programs without traces, or for what speaks gRPC at its endpoint. */
function isExported(environment: Environment): boolean {
  const { OTEL_SDK_DISABLED, OTEL_TRACES_EXPORTER, OTEL_EXPORTER_OTLP_TRACES_PROTOCOL } = environment;
  const spoken = OTEL_EXPORTER_OTLP_TRACES_PROTOCOL || environment.OTEL_EXPORTER_OTLP_PROTOCOL;
  const exporter = OTEL_TRACES_EXPORTER || 'otlp';
  return OTEL_SDK_DISABLED?.toLowerCase() !== 'true' && exporter === 'otlp' && spoken !== 'grpc';
}

/** Those of the values that the setting takes, where there is a collector. */
function usable(
  surroundings: ForeignSurroundings,
  { flag, kind }: { readonly flag: string; readonly kind: Kind<unknown> },
  values: readonly string[],
): ForeignReading {
  if (!isTraced(surroundings)) return SAME;
  const [first, ...others] = values
    .filter((value) => kind.parse(value, surroundings.files) !== undefined)
    .map((value): ForeignSetting => ({ flag, text: value }));
  if (first === undefined) return values.length === 0 ? SAME : IGNORED;
  return { kind: 'sets', settings: [first, ...others], isPartlyIgnored: others.length + 1 < values.length };
}

/** `name=value,name=value`, the values percent-encoded. (W3C Baggage §3.3) */
function pairsOf(list: string): string[] {
  const pairs = list.split(',').map((pair) => pair.trim());
  return pairs.filter((pair) => pair !== '').map(decoded);
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
