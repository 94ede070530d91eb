import t from 'tap';
import { injectManifests } from '../../../src/app/index.js';
import { ReviewService } from '../../../src/kubernetes/webhook/index.js';
import { MetricRegistry } from '../../../src/telemetry/index.js';
import { injectSettings } from '../../support/inject-settings.js';
import { patched } from '../../support/json-patch.js';
import { RecordingLogger } from '../../support/recording-logger.js';

interface Answer {
  readonly uid: string;
  readonly allowed: boolean;
  readonly patchType?: string;
  readonly patch?: string;
  readonly warnings?: readonly string[];
  readonly status?: { readonly message: string; readonly code: number };
}

const POD = {
  ...{ apiVersion: 'v1', kind: 'Pod', metadata: { generateName: 'sleep-7d4b-', labels: { app: 'sleep' } } },
  spec: { containers: [{ name: 'sleep', image: 'curl' }] },
};

const CREATE = {
  ...{ uid: 'u-1', operation: 'CREATE', namespace: 'foo' },
  ...{ resource: { group: '', version: 'v1', resource: 'pods' }, object: POD as unknown },
};

function open(onBadPod: 'deny' | 'skip' = 'deny') {
  const logger = new RecordingLogger();
  const settings = injectSettings('--inbound', 'permissive');
  const rules = { settings, version: '0.1.0', ownNamespace: 'istio-system', onBadPod };
  const service = new ReviewService({ rules, logger, metrics: new MetricRegistry(), now: Date.now });
  const send = (body: unknown) => service.answer(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)));
  return {
    ...{ logger, service, send },
    ask(request: object): Answer {
      const { status, body } = send({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request });
      t.equal(status, 200);
      const review = JSON.parse(body.toString());
      t.match(review, { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' });
      return review.response;
    },
  };
}

const operations = ({ patch = '' }: Answer) => JSON.parse(Buffer.from(patch, 'base64').toString());

t.test('the patch makes of a pod what kube-inject makes of it', async (t) => {
  const { ask, logger } = open();
  const { patch, ...answer } = ask(CREATE);
  t.strictSame(answer, { uid: 'u-1', allowed: true, patchType: 'JSONPatch' });
  const result = await injectManifests('pod', JSON.stringify(POD), injectSettings('--inbound', 'permissive'));
  if (result.kind !== 'done') throw new Error(JSON.stringify(result));
  const pod = patched(POD, operations({ patch, ...answer } as Answer));
  t.strictSame(pod, JSON.parse(result.text));
  t.match(logger.of('pod injected'), [{ level: 'info', fields: { resource_name: 'foo/sleep-7d4b-*' } }]);
  t.strictSame(ask({ ...CREATE, object: pod }), { uid: 'u-1', allowed: true }, 'once more changes nothing');
});

const LEFT_ALONE = [
  { name: 'a change of one', change: { operation: 'UPDATE' } },
  { name: 'a deletion', change: { operation: 'DELETE', object: null } },
  { name: 'a subresource', change: { subResource: 'ephemeralcontainers' } },
  { name: 'another kind', change: { resource: { group: 'apps', version: 'v1', resource: 'deployments' } } },
  { name: 'the namespace of the injector', change: { namespace: 'istio-system' } },
  { name: 'a namespace of the system', change: { namespace: 'kube-system' } },
  { name: 'the network of the node', change: { object: { ...POD, spec: { ...POD.spec, hostNetwork: true } } } },
];

for (const { name, change } of LEFT_ALONE) {
  t.test(`left as it is: ${name}`, async (t) => {
    const { ask, logger, service } = open();
    t.strictSame(ask({ ...CREATE, ...change }), { uid: 'u-1', allowed: true });
    t.equal(logger.of('pod left as it is').length, 1);
    t.match(service.counts, { injected: 0, skipped: 1 });
  });
}

const BAD_PODS = [
  {
    name: 'a wrong annotation',
    pod: { ...POD, metadata: { name: 'one', annotations: { 'sidecert.dev/inbound': 'open' } } },
    expected: /^pod foo\/one: metadata\.annotations\["sidecert\.dev\/inbound"\]: got "open", expected one of strict, /,
  },
  { name: 'no containers', pod: { metadata: {}, spec: {} }, expected: /^pod foo\/\*: spec\.containers: got nothing/ },
  { name: 'no pod', pod: [], expected: /^pod foo\/\*: : got \[\], expected a pod/ },
  {
    name: 'too many containers',
    pod: { spec: { containers: Array.from({ length: 101 }, (_, at) => ({ name: `c${at}` })) } },
    expected: /^pod foo\/\*: spec\.containers, spec\.initContainers: got 101 of them, expected at most 100$/,
  },
  {
    name: 'too many volumes',
    pod: { spec: { containers: [], volumes: Array.from({ length: 1001 }, (_, at) => ({ name: `v${at}` })) } },
    expected: /^pod foo\/\*: spec\.volumes: got 1001 of them, expected at most 1000$/,
  },
  {
    name: 'annotations without end',
    pod: { ...POD, metadata: { annotations: { 'sidecert.dev/allow': 'a'.repeat(9000), other: 'a'.repeat(90_000) } } },
    expected: /^pod foo\/\*: metadata\.annotations: got 9018 characters of sidecert\.dev\/, expected at most 8192$/,
  },
];

for (const { name, pod, expected } of BAD_PODS) {
  t.test(`a pod that cannot be injected is refused, or made with a warning: ${name}`, async (t) => {
    const { ask, logger } = open();
    const { status, ...answer } = ask({ ...CREATE, object: pod });
    t.strictSame(answer, { uid: 'u-1', allowed: false });
    t.match(status, { code: 400, reason: 'BadRequest', message: expected });
    t.equal(logger.of('pod denied').length, 1);
    const { warnings, ...skipped } = open('skip').ask({ ...CREATE, object: pod });
    t.strictSame(skipped, { uid: 'u-1', allowed: true });
    t.match(warnings, [/^sidecert: not injected: /]);
  });
}

t.test('what an injection has to say of a pod is a warning to who makes it', async (t) => {
  const { ask } = open();
  const labels = { 'sidecar.istio.io/inject': 'yes' };
  const { warnings, patchType } = ask({ ...CREATE, object: { ...POD, metadata: { labels } } });
  t.equal(patchType, 'JSONPatch');
  t.match(warnings, [/^sidecert: metadata\.labels\["sidecar\.istio\.io\/inject"\]: got "yes", expected true or false/]);
});

const UNREADABLE = [
  { name: 'nothing', body: '' },
  { name: 'no JSON', body: '{' },
  { name: 'a list', body: '[]' },
  { name: 'another kind', body: { apiVersion: 'admission.k8s.io/v1', kind: 'Pod' } },
  {
    name: 'an older version',
    body: { apiVersion: 'admission.k8s.io/v1beta1', kind: 'AdmissionReview', request: CREATE },
  },
  { name: 'no request', body: { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' } },
  {
    name: 'no uid',
    body: { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request: { ...CREATE, uid: '' } },
  },
  { name: 'brackets without end', body: '['.repeat(100_000) },
  { name: 'parts without end', body: `[${'1,'.repeat(300_000)}1]` },
];

for (const { name, body } of UNREADABLE) {
  t.test(`what is no review is answered with 400, and a line of log: ${name}`, async (t) => {
    const { send, logger, service } = open();
    const { status, body: text } = send(body);
    t.equal(status, 400);
    t.match(text.toString(), /expected/);
    t.equal(logger.of('admission review cannot be read').length, 1);
    t.match(service.counts, { invalid: 1 });
  });
}

t.test('a process that sends reviews without end gets a thousand lines a minute', async (t) => {
  const { ask, logger } = open();
  const skipped = { ...CREATE, operation: 'DELETE' };
  for (let time = 0; time < 1100; time += 1) ask({ ...skipped, object: { metadata: { name: `pod-${time}` } } });
  t.equal(logger.of('pod left as it is').length, 1000);
});

t.test('a fault of ours leaves the decision to the webhook configuration', async (t) => {
  const logger = new RecordingLogger();
  // Nothing of JSON makes an injection throw: settings that are none do.
  const rules = { settings: {} as never, version: '0.1.0', ownNamespace: 'istio-system', onBadPod: 'deny' } as const;
  const service = new ReviewService({ rules, logger, metrics: new MetricRegistry(), now: Date.now });
  const review = { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request: CREATE };
  t.match(service.answer(Buffer.from(JSON.stringify(review))), { status: 500, body: Buffer.from('internal error\n') });
  t.match(logger.of('admission review failed'), [{ level: 'error', fields: { resource_name: 'foo/sleep-7d4b-*' } }]);
  t.match(service.counts, { failed: 1 });
});
