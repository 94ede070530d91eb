import { boolean, existingFile, type Kind, text } from './kinds.js';
import { type ConfigOf, listOf, optional, switchOf, withDefault } from './option.js';
import { otlpHeader } from './secret-header.js';

/** Where OTLP over HTTP takes traces, below the base of an endpoint. (OTLP, "OTLP/HTTP Request") */
const TRACES_PATH = '/v1/traces';

/** The path is completed, so that the base of a collector and the whole address of its traces mean the same. */
const otlpEndpoint: Kind<URL> = {
  placeholder: 'URL',
  expected: 'a URL of http or https without user, query and fragment such as http://localhost:4318',
  parse(value) {
    if (!/^https?:\/\/[\x21-\x7e]+$/.test(value) || !URL.canParse(value)) return undefined;
    const url = new URL(value);
    if (`${url.username}${url.password}${url.search}${url.hash}` !== '') return undefined;
    const path = url.pathname.replace(/\/+$/, '');
    url.pathname = path.endsWith(TRACES_PATH) ? path : `${path}${TRACES_PATH}`;
    return url;
  },
  // A password may stand in it.
  shown: (value) => value.replace(/\/\/[^/]*@/, '//…@').replace(/[?#].*/s, '?…'),
};

/** A part of all. */
export const traceRatio: Kind<number> = {
  placeholder: 'RATIO',
  expected: 'a decimal number from 0 to 1 such as 0.01',
  parse(value) {
    const number = /^(\d|\d?\.\d{1,9})$/.test(value) ? Number(value) : Number.NaN;
    return number >= 0 && number <= 1 ? number : undefined;
  },
};

/** An attribute of what makes the traces. */
export interface ResourceAttribute {
  readonly name: string;
  readonly value: string;
}

/** One for each pair of a list of them. */
export const traceResource: Kind<ResourceAttribute> = {
  placeholder: 'NAME=VALUE',
  expected: 'NAME=VALUE such as k8s.cluster.name=west, both printable',
  parse(value, files) {
    const [, name, content = ''] = /^([A-Za-z0-9_./-]{1,128})=(.{1,256})$/.exec(value) ?? [];
    const printable = text.parse(content, files);
    return name === undefined || printable === undefined ? undefined : { name, value: printable };
  },
};

/** The same settings for agent and Citadel. */
export const TRACE_OPTIONS = {
  otlpEndpoint: optional(otlpEndpoint, {
    flag: 'otlp-endpoint',
    description:
      'the OpenTelemetry collector that gets a trace of each issuance (OTLP over HTTP, in protobuf), its base or the whole address of its traces: /v1/traces is added where it is missing; left out, nothing is recorded',
  }),
  otlpHeaders: listOf(otlpHeader, [], {
    flag: 'otlp-header',
    description:
      'a header of each request to the collector, such as the key of an account; values are never logged, and are seen by other processes when they are given as a flag',
  }),
  otlpRootFile: optional(existingFile, {
    flag: 'otlp-root',
    description: 'PEM roots for the certificate of the collector, read at the start; left out, those of Node.js',
  }),
  traceRatio: withDefault(traceRatio, '1', {
    flag: 'trace-ratio',
    description: 'which part of the issuances is traced, from 0 to 1',
  }),
  traceService: optional(text, {
    flag: 'trace-service',
    description: 'service.name in the traces; left out, sidecert-agent or sidecert-citadel',
  }),
  traceResource: listOf(traceResource, [], {
    flag: 'trace-resource',
    description: 'a further attribute of this process in the traces, such as k8s.pod.name=citadel-0',
  }),
};

/** Of Citadel alone: an agent begins its traces itself. */
export const TRACE_PARENT_BASED = switchOf(boolean, {
  flag: 'trace-parent-based',
  description:
    'trace each call whose caller says that it traces it, whatever --trace-ratio is: only where all callers are trusted. Without it as many of them as the ratio grants',
});

export type TraceConfig = ConfigOf<typeof TRACE_OPTIONS> & { readonly isTraceParentBased?: boolean };
