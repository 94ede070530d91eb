import type { Pod } from './pod.js';

/** One thing that is wrong: where, relative to the pod, and `got X, expected Y`. */
export interface PodProblem {
  /** `spec.containers[0].name`. */
  readonly field: string;
  readonly text: string;
}

/** A value is repeated in the complaint about it, but not without end. */
const MAX_QUOTED_CHARS = 120;

type Check = (value: unknown, field: string, problems: PodProblem[]) => void;

/**
 * What keeps a value from being a pod as far as an injection reads it; the rest is the API server's to check. A value
 * without problems is a {@link Pod}.
 */
export function podProblems(value: unknown): PodProblem[] {
  const problems: PodProblem[] = [];
  POD(value, '', problems);
  return problems;
}

/** The pod, or what is wrong with it. */
export function readPod(value: unknown): { readonly pod: Pod } | { readonly problems: readonly PodProblem[] } {
  const problems = podProblems(value);
  // Each field that the type names has been looked at.
  return problems.length === 0 ? { pod: value as Pod } : { problems };
}

/** `got "x", expected a list`, with a value that is too long to be read cut off. */
export function gotExpected(value: unknown, expected: string): string {
  if (value === undefined) return `got nothing, expected ${expected}`;
  const text = JSON.stringify(value) ?? String(value);
  return `got ${text.length <= MAX_QUOTED_CHARS ? text : `${text.slice(0, MAX_QUOTED_CHARS)}…`}, expected ${expected}`;
}

function is(expected: string, accepts: (value: unknown) => boolean): Check {
  return (value, field, problems) => {
    if (!accepts(value)) problems.push({ field, text: gotExpected(value, expected) });
  };
}

/** As in Kubernetes, a field that is null is one that is not there. */
function maybe(check: Check): Check {
  return (value, field, problems) => {
    if (value !== undefined && value !== null) check(value, field, problems);
  };
}

function isFields(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function object(expected: string, fields: Readonly<Record<string, Check>>): Check {
  return (value, field, problems) => {
    if (!isFields(value)) {
      problems.push({ field, text: gotExpected(value, expected) });
      return;
    }
    for (const [name, check] of Object.entries(fields)) {
      const own = Object.hasOwn(value, name) ? value[name] : undefined;
      check(own, field === '' ? name : `${field}.${name}`, problems);
    }
  };
}

function list(expected: string, each: Check): Check {
  return (value, field, problems) => {
    if (!Array.isArray(value)) {
      problems.push({ field, text: gotExpected(value, expected) });
      return;
    }
    for (const [index, item] of value.entries()) each(item, `${field}[${index}]`, problems);
  };
}

const TEXT = is('a string', (value) => typeof value === 'string');
const BOOLEAN = is('true or false', (value) => typeof value === 'boolean');
const COUNT = is('a whole number', (value) => Number.isSafeInteger(value) && Number(value) >= 0);
const PORT = is(
  'a port from 1 to 65535',
  (value) => typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65_535,
);
const PORT_OR_NAME = is(
  'a port from 1 to 65535, or the name of a port',
  (value) =>
    (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65_535) ||
    (typeof value === 'string' && value !== ''),
);
const NAME = is('a name', (value) => typeof value === 'string' && value !== '');

const TEXTS: Check = (value, field, problems) => {
  if (!isFields(value)) {
    problems.push({ field, text: gotExpected(value, 'a map of strings') });
    return;
  }
  for (const [name, text] of Object.entries(value)) TEXT(text, `${field}[${JSON.stringify(name)}]`, problems);
};

const RUN_AS = maybe(object('a security context', { runAsUser: maybe(COUNT) }));

const ACTION_FIELDS = {
  httpGet: maybe(
    object('an HTTP request', {
      host: maybe(TEXT),
      path: maybe(TEXT),
      port: PORT_OR_NAME,
      scheme: maybe(TEXT),
    }),
  ),
  tcpSocket: maybe(object('a port to connect to', { host: maybe(TEXT), port: PORT_OR_NAME })),
};

const ACTION = maybe(object('a hook', ACTION_FIELDS));

const PROBE = maybe(
  object('a probe', {
    ...ACTION_FIELDS,
    grpc: maybe(object('a gRPC health check', { port: PORT, service: maybe(TEXT) })),
    periodSeconds: maybe(COUNT),
  }),
);

const CONTAINER = object('a container', {
  name: NAME,
  restartPolicy: maybe(TEXT),
  ports: maybe(
    list(
      'a list of ports',
      object('a port of a container', { name: maybe(TEXT), containerPort: PORT, protocol: maybe(TEXT) }),
    ),
  ),
  securityContext: RUN_AS,
  livenessProbe: PROBE,
  readinessProbe: PROBE,
  startupProbe: PROBE,
  lifecycle: maybe(object('hooks of a container', { postStart: ACTION, preStop: ACTION })),
});

const POD = object('a pod', {
  metadata: maybe(object('metadata', { labels: maybe(TEXTS), annotations: maybe(TEXTS) })),
  spec: object('the spec of a pod', {
    containers: list('a list of containers', CONTAINER),
    initContainers: maybe(list('a list of containers', CONTAINER)),
    volumes: maybe(list('a list of volumes', object('a volume', { name: NAME }))),
    hostNetwork: maybe(BOOLEAN),
    terminationGracePeriodSeconds: maybe(COUNT),
    securityContext: RUN_AS,
    os: maybe(object('an operating system', { name: maybe(TEXT) })),
  }),
});
