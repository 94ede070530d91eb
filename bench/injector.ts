// How long does the API server wait for the injector, and how much memory does that hold?
//
// A real API server, by KUBEBUILDER_ASSETS and HELM_PATH, makes pods in a namespace that is injected and in one that is
// not, by turns; the injector is a process of dist/sidecert.js. Then the same review is posted to it directly, over a
// connection that is kept and over one of its own each.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { performance } from 'node:perf_hooks';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { InjectorScene, isInjected } from '../test/support/injector-scene.js';
import { kubernetesPrograms } from '../test/support/kube-apiserver.js';
import { Written } from '../test/support/written.js';
import { conditionsOf } from './harness/conditions.js';
import { percentilesOf } from './harness/percentiles.js';
import { invocationOf, report } from './harness.js';

const invocation = invocationOf(process.argv.slice(2));
const COUNT = invocation.isSmoke ? 10 : 1000;
/** V8 compiles its ways in the first hundreds. */
const WARM_UP = invocation.isSmoke ? 1 : 300;
/** When V8, which waits for 8 s without work, has given back what the start took. */
const REST_MS = invocation.isSmoke ? 200 : 15_000;
const HOST = 'sidecert-injector.istio-system.svc';

/** A pod as small ones are: one container with a port, a probe and a few variables. */
const SPEC = {
  containers: [
    {
      ...{ name: 'app', image: 'docker.io/example/app:1', ports: [{ name: 'http', containerPort: 8080 }] },
      env: Array.from({ length: 10 }, (_, at) => ({ name: `SETTING_${at}`, value: 'some value of it' })),
      readinessProbe: { httpGet: { path: '/ready', port: 'http' }, periodSeconds: 5 },
    },
  ],
};

t.setTimeout(600_000);
await t.test('the injector', async (t) => {
  const scene = await InjectorScene.start(t, kubernetesPrograms());
  await scene.namespace('injected', { 'istio-injection': 'enabled' });
  await scene.namespace('plain');
  const flags = Object.entries(scene.injectorFlags).map(([name, value]) => `--${name}=${value}`);
  const child = spawn(process.execPath, ['dist/sidecert.js', 'injector', ...flags], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  const port = await portOf(child.stderr);
  await scene.configure(t, {}, port);
  await sleep(REST_MS);
  const atRest = memoryMb(child);

  const make = async (namespace: string): Promise<number> => {
    const startedAt = performance.now();
    const pod = await scene.makePod(namespace, { spec: SPEC });
    const milliseconds = performance.now() - startedAt;
    if (isInjected(pod) !== (namespace === 'injected')) throw new Error(`a pod of ${namespace} is not as it should be`);
    return milliseconds;
  };
  const plain: number[] = [];
  const injected: number[] = [];
  for (let at = -WARM_UP; at < COUNT; at += 1) {
    const both = [await make('plain'), await make('injected')] as const;
    if (at < 0) continue;
    plain.push(both[0]);
    injected.push(both[1]);
  }
  const kept = new Agent({ keepAlive: true, maxSockets: 1, ca: scene.roots, servername: HOST });
  t.teardown(() => kept.destroy());
  const fresh = { ca: scene.roots, servername: HOST };
  const body = reviewOf(await scene.makePod('plain', { spec: SPEC }));
  const overKept: number[] = [];
  const overFresh: number[] = [];
  for (let at = 0; at < COUNT; at += 1) {
    overKept.push(await post(port, body, { agent: kept }));
    overFresh.push(await post(port, body, { agent: false, ...fresh }));
  }
  const after = memoryMb(child);
  await sleep(REST_MS);
  const restAgain = memoryMb(child);
  const row = (name: string, unit: string, samples: readonly number[]) => ({
    ...{ group: 'injector', name, unit },
    ...percentilesOf(samples),
  });
  report(
    {
      name: 'injector',
      question: 'How long does the API server wait for the injector, and how much memory does that hold?',
      note: `Pods of a namespace that is injected and of one that is not, by turns, one at a time; a review of ${body.length} bytes.`,
      conditions: conditionsOf(0, 1),
      rates: [],
      distributions: [
        row('a pod that is not injected, through the API server', 'ms', plain),
        row('one that is', 'ms', injected),
        row(
          'what that takes longer',
          'ms',
          injected.map((one, at) => one - (plain[at] ?? 0)),
        ),
        row('a review, posted directly', 'ms', overKept),
        row('the same with a TLS handshake', 'ms', overFresh),
        row('resident memory at rest', 'MB', [atRest.rss]),
        row('of it anonymous', 'MB', [atRest.anonymous]),
        row('after all of that', 'MB', [after.rss]),
        row('of it anonymous, then', 'MB', [after.anonymous]),
        row('at rest again', 'MB', [restAgain.rss]),
        row('of it anonymous, at rest again', 'MB', [restAgain.anonymous]),
      ],
      ratios: [],
    },
    invocation,
  );
});

async function portOf(stderr: Readable): Promise<number> {
  const log = new Written(stderr, 'the injector');
  await log.line('"svid issued"');
  const { address } = JSON.parse(await log.line('"injector listens"')) as { address: string };
  return Number(address.split(':').at(-1));
}

function memoryMb(child: ChildProcess): { rss: number; anonymous: number } {
  const rollup = readFileSync(`/proc/${child.pid}/smaps_rollup`, 'utf8');
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(rollup)?.[1]) / 1024;
  return { rss: field('Rss'), anonymous: field('Anonymous') };
}

function reviewOf(object: object): Buffer {
  const resource = { group: '', version: 'v1', resource: 'pods' };
  const review = {
    uid: '705ab4f5-6393-11e8-b7cc-42010a800002',
    operation: 'CREATE',
    namespace: 'injected',
    resource,
    object,
  };
  return Buffer.from(JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request: review }));
}

async function post(port: number, body: Buffer, options: object): Promise<number> {
  const startedAt = performance.now();
  const headers = { 'content-type': 'application/json', 'content-length': body.length };
  const sent = request({ host: '127.0.0.1', port, method: 'POST', path: '/inject', headers, ...options });
  sent.end(body);
  const [response] = await once(sent, 'response');
  let length = 0;
  for await (const chunk of response) length += chunk.length;
  if (response.statusCode !== 200 || length < 1000) throw new Error('the review was not answered with a patch');
  return performance.now() - startedAt;
}
