import { isDeepStrictEqual } from 'node:util';
import { injectPod, type PatchOperation } from '../../src/kubernetes/inject/index.js';
import { ReviewService } from '../../src/kubernetes/webhook/index.js';
import { MetricRegistry, silentLogger } from '../../src/telemetry/index.js';
import { below, mutated, oneOf, type Random } from '../hostile/conversations.js';
import { injectSettings } from '../support/inject-settings.js';
import { patched } from '../support/json-patch.js';
import { mutatedJson } from './json-inputs.js';
import type { Fault, FuzzTarget } from './target.js';

const settings = injectSettings();
const VERSION = '0.1.0';

const review = (object: unknown, change: object = {}): string =>
  JSON.stringify({
    ...{ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' },
    request: {
      ...{ uid: '705ab4f5', operation: 'CREATE', namespace: 'foo', object },
      ...{ resource: { group: '', version: 'v1', resource: 'pods' }, ...change },
    },
  });

const PROBES = {
  livenessProbe: { httpGet: { path: '/', port: 'http', scheme: 'HTTP' }, periodSeconds: 10 },
  readinessProbe: { grpc: { port: 9000, service: null } },
  startupProbe: { tcpSocket: { port: 8080 } },
  lifecycle: { preStop: { httpGet: { port: 8080 } } },
};

const POD = {
  metadata: {
    generateName: 'sleep-',
    labels: { app: 'sleep', 'sidecar.istio.io/inject': 'true' },
    annotations: {
      'sidecert.dev/upstreams': 'httpbin.foo:8000=spiffe://cluster.local/ns/foo/sa/httpbin',
      'sidecert.dev/inbound': 'permissive',
    },
  },
  spec: {
    containers: [{ name: 'app', image: 'a', ports: [{ name: 'http', containerPort: 8080 }], ...PROBES }],
    initContainers: [{ name: 'before', image: 'b', restartPolicy: 'Always' }],
    ...{ volumes: [{ name: 'v', emptyDir: {} }], hostNetwork: false, restartPolicy: 'Always' },
  },
};

const injected = injectPod(POD, settings, VERSION);
const SEEDS = [
  review(POD),
  review({ spec: { containers: [{ name: 'app' }] } }),
  review(injected.kind === 'changed' ? injected.pod : POD),
  review(POD, { operation: 'UPDATE' }),
];

const WORDS = ['sidecert.dev/capture', 'none', 'name', 'app', 'istio-proxy', 'containers', 'spec', 'CREATE', 'pods'];

const many = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, at) => make(at));

/** As much of what an injection goes over as it takes, and a little more. */
function broad(random: Random): string {
  const count = below(random, 120);
  const container = oneOf<object>(random, [{}, PROBES, { restartPolicy: 'Always' }, { readinessProbe: { exec: {} } }]);
  const list = many(count, (at) => ({ name: `c${at}`, image: 'a', ...container }));
  const volumes = many(below(random, 1100), (at) => ({ name: `v${at}` }));
  const upstreams = many(below(random, 400), (at) => `h${at}:80=spiffe://a/b/c`).join();
  const metadata = { annotations: { 'sidecert.dev/upstreams': upstreams } };
  const spec = { containers: [{ name: 'app' }, ...list], initContainers: [{ name: 'init' }], volumes };
  return review({ metadata, spec });
}

function inputFor(random: Random): Buffer {
  if (random() < 0.01) return Buffer.from(broad(random));
  let text = oneOf(random, SEEDS);
  if (random() < 0.05) return Buffer.from(text);
  for (let count = 1 + below(random, 3); count > 0; count -= 1) text = mutatedJson(random, text, WORDS);
  const bytes = Buffer.from(text);
  return random() < 0.2 && bytes.length > 0 ? mutated(random, bytes) : bytes;
}

/** A message goes through events; of the patch a pod must still be small enough for etcd. */
const MAX_MESSAGE_CHARS = 2000;

function faultOf(body: Buffer, answer: Buffer): Fault {
  const { request } = JSON.parse(body.toString());
  const { response } = JSON.parse(answer.toString());
  if (response.uid !== request.uid) return 'answered to another uid';
  if (response.allowed !== true) {
    const length = response.status?.message?.length ?? 0;
    return length > 0 && length <= MAX_MESSAGE_CHARS ? undefined : `refused by a message of ${length} characters`;
  }
  if (response.patch === undefined) return undefined;
  const operations: PatchOperation[] = JSON.parse(Buffer.from(response.patch, 'base64').toString());
  const expected = injectPod(request.object, settings, VERSION);
  if (expected.kind !== 'changed') return 'patched what an injection does not change';
  const pod = JSON.parse(JSON.stringify(expected.pod));
  return isDeepStrictEqual(patched(request.object, operations), pod) ? undefined : 'patched to another pod';
}

/** What any process of a cluster may post to the injector. */
export const reviews: FuzzTarget = {
  name: 'reviews',
  // Most of it is the bootstrap, written once more for the judge.
  maxInputMs: 5000,
  maxGrownMb: 60,
  testRuns: 300,
  open() {
    const met: Record<string, number> = {};
    const rules = { settings, version: VERSION, ownNamespace: 'istio-system', onBadPod: 'deny' } as const;
    const common = { logger: silentLogger, metrics: new MetricRegistry(), now: Date.now };
    const service = new ReviewService({ rules, ...common });
    return {
      met,
      run(random) {
        const bytes = inputFor(random);
        const before = service.counts;
        const { status, body } = service.answer(bytes);
        const [end = 'none'] =
          Object.entries(service.counts).find(
            ([name, count]) => count !== Object.entries(before).find(([one]) => one === name)?.[1],
          ) ?? [];
        met[end] = (met[end] ?? 0) + 1;
        const fault = status === 200 ? faultOf(bytes, body) : status === 400 ? undefined : body.toString();
        return fault === undefined ? undefined : `${fault}: ${bytes.subarray(0, 3000)}`;
      },
    };
  },
};
