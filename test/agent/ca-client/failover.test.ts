import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { type AnswerVerdict, type CaClientOptions, createCaClient } from '../../../src/agent/ca-client/index.js';
import { CancelSource } from '../../../src/cancellation/index.js';
import { IdentityError } from '../../../src/errors/index.js';
import { Metric, MetricRegistry } from '../../../src/telemetry/index.js';
import { ecKeys, rejectionCode, signedCsr } from '../../hotpath/pki.js';
import { FakeCaServer, type Fault } from '../../support/fake-ca-server.js';
import { PATIENCE_MS } from '../../support/patience.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { shortDir } from '../../support/short-dir.js';
import { TestCa } from '../../support/test-ca.js';

const csrPem = signedCsr(ecKeys());
const reject = (code: status, details?: string): Fault => ({ kind: 'reject', code, ...(details && { details }) });

type Ca = FakeCaServer & { readonly address: string };
type Address = Pick<Ca, 'address' | 'rootPem'>;

/**
 * A client of these CAs, whose clock the test sets. It stands still, and is ahead: by it deadlines are later, and a CA
 * has all the time to answer. One that hangs needs the real time.
 */
function clientOf(t: Test, cas: CaClientOptions['cas'], more: Partial<CaClientOptions> = {}) {
  const logger = new RecordingLogger();
  const metrics = new MetricRegistry();
  const clock = { aheadMs: 0 };
  const beganMs = Date.now() + PATIENCE_MS;
  const client = createCaClient({
    ...{ cas, clusterId: 'Kubernetes', logger, metrics },
    ...{ now: () => beganMs + clock.aheadMs, random: () => 0 },
    ...more,
  });
  t.teardown(() => client.close());
  const issue = async (verdict: AnswerVerdict = 'proven') => {
    const token = { read: async () => Buffer.from('token') };
    const answer = await client.issue({ csrPem, ttlMs: 60_000, token, signal: new CancelSource() });
    answer.judged(verdict);
    return answer;
  };
  return { client, clock, issue, logger, metrics };
}

const at = ({ address, rootPem }: Address) => ({ address, rootPem });

async function twoCas(t: Test): Promise<[Ca, Ca]> {
  return [await FakeCaServer.start(t), await FakeCaServer.start(t)];
}

/** A port at which something else than a CA waits. */
async function listenRaw(t: Test, onConnection: (socket: Socket) => void): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    t.teardown(() => socket.destroy());
    onConnection(socket);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.teardown(() => server.close());
  return `127.0.0.1:${Object(server.address()).port}`;
}

const rootPem = TestCa.root().certificatePem;

interface AwayCa {
  readonly name: string;
  readonly code: string;
  /** It is given up at its time limit, and not by what it says. */
  readonly hangs?: boolean;
  readonly first: (t: Test) => Promise<CaClientOptions['cas'][number]>;
}

const away: AwayCa[] = [
  {
    name: 'refuses connections',
    code: 'ERR_CA_UNAVAILABLE',
    first: async () => ({ address: '127.0.0.1:1', rootPem }),
  },
  {
    name: 'resets connections',
    code: 'ERR_CA_UNAVAILABLE',
    first: async (t) => ({ address: await listenRaw(t, (socket) => void socket.resetAndDestroy()), rootPem }),
  },
  {
    name: 'hangs in the handshake',
    code: 'ERR_CA_DEADLINE',
    hangs: true,
    first: async (t) => ({ address: await listenRaw(t, () => {}), rootPem }),
  },
  {
    name: 'hangs in the call',
    code: 'ERR_CA_DEADLINE',
    hangs: true,
    first: async (t) => {
      const ca = await FakeCaServer.start(t);
      ca.fault = { kind: 'hang' };
      return at(ca);
    },
  },
  {
    name: 'shows a certificate of another root',
    code: 'ERR_CA_UNTRUSTED',
    first: async (t) => ({ address: (await FakeCaServer.start(t)).address, rootPem }),
  },
  {
    name: 'has no readable root file',
    code: 'ERR_CA_ROOT_INVALID',
    first: async (t) => ({ address: '127.0.0.1:1', rootFile: join(shortDir(t), 'none.pem') }),
  },
];

const answered: { fault: Fault; code: string }[] = [
  { fault: reject(status.UNAVAILABLE), code: 'ERR_CA_UNAVAILABLE' },
  { fault: reject(status.RESOURCE_EXHAUSTED), code: 'ERR_CA_OVERLOADED' },
  { fault: reject(status.INTERNAL), code: 'ERR_CA_UNAVAILABLE' },
  { fault: reject(status.UNIMPLEMENTED), code: 'ERR_CA_RESPONSE_INVALID' },
  { fault: { kind: 'garbage-bytes' }, code: 'ERR_CA_RESPONSE_INVALID' },
  { fault: { kind: 'elements', elements: [] }, code: 'ERR_CA_RESPONSE_INVALID' },
];

for (const { fault, code } of answered) {
  away.push({
    name: `answers ${fault.kind} ${fault.kind === 'reject' ? status[fault.code] : ''}`.trim(),
    code,
    first: async (t) => {
      const ca = await FakeCaServer.start(t);
      ca.fault = fault;
      return at(ca);
    },
  });
}

for (const { name, code, hangs = false, first } of away) {
  t.test(`a first CA that ${name} is failed over within one attempt`, async (t) => {
    const second = await FakeCaServer.start(t);
    const ca = await first(t);
    const limits = { deadlineMs: PATIENCE_MS, budgetMs: 3 * PATIENCE_MS, ...(hangs && { now: Date.now }) };
    const { client, issue, logger, metrics } = clientOf(t, [ca, at(second)], limits);
    const answer = await issue();
    t.equal(String(answer.bundlePem), String(second.rootPem));
    t.equal(second.calls.length, 1);
    t.match(logger.of('ca is cooling down'), [{ level: 'warn', fields: { address: ca.address, code, until: /Z$/ } }]);
    t.match(logger.of('certificates come from this ca'), [{ fields: { address: second.address } }]);
    t.equal(client.address, second.address);
    t.match(client.statuses(), [
      { address: ca.address, coolingUntilMs: Number, lastFailure: { code } },
      { address: second.address, coolingUntilMs: undefined, lastAnswerMs: Number, lastFailure: undefined },
    ]);
    t.equal(metrics.counter(Metric.caAttempts, { address: ca.address, code }).value, 1);
  });
}

for (const code of [status.UNAUTHENTICATED, status.PERMISSION_DENIED, status.INVALID_ARGUMENT]) {
  t.test(`a first CA that answers ${status[code]} has decided: the second is not asked`, async (t) => {
    const [first, second] = await twoCas(t);
    first.fault = reject(code);
    const { client, issue } = clientOf(t, [at(first), at(second)]);
    t.not(await rejectionCode(issue()), 'ERR_CA_UNAVAILABLE');
    t.equal(first.calls.length, 1);
    t.equal(second.calls.length, 0);
    t.equal(client.statuses()[0]?.coolingUntilMs, undefined);
  });
}

t.test('while the first cools down it is not asked; then it is again, and stays first when it is well', async (t) => {
  const [first, second] = await twoCas(t);
  const { client, clock, issue, logger } = clientOf(t, [at(first), at(second)]);
  first.fault = reject(status.UNAVAILABLE);
  for (const _ of [1, 2, 3]) await issue();
  t.strictSame([first.calls.length, second.calls.length], [1, 3]);
  clock.aheadMs += 10_000;
  await issue();
  t.strictSame([first.calls.length, second.calls.length], [2, 4], 'asked again, in vain');
  clock.aheadMs += 10_000;
  await issue();
  t.strictSame([first.calls.length, second.calls.length], [2, 5], 'the second cool-down is twice as long');
  first.fault = { kind: 'none' };
  clock.aheadMs += 10_000;
  await issue();
  await issue();
  t.strictSame([first.calls.length, second.calls.length], [4, 5]);
  t.equal(client.address, first.address);
  t.equal(logger.of('ca is well again').length, 1);
  t.match(
    logger.of('certificates come from this ca').map(({ fields }) => fields),
    [{ address: second.address }, { address: first.address, previous: second.address }],
  );
  t.equal(logger.of('ca is cooling down').filter(({ level }) => level === 'warn').length, 1, 'one line for one outage');
});

t.test('a clock that is set back does not prolong a cool-down', async (t) => {
  const [first, second] = await twoCas(t);
  const { clock, issue } = clientOf(t, [at(first), at(second)]);
  first.faults.push(reject(status.UNAVAILABLE));
  clock.aheadMs = 3_600_000;
  await issue();
  clock.aheadMs = 0;
  await issue();
  t.equal(first.calls.length, 2);
});

t.test('after the cool-down one call finds out whether the first is well; the others do not wait', async (t) => {
  const [first, second] = await twoCas(t);
  const { clock, issue } = clientOf(t, [at(first), at(second)]);
  first.faults.push(reject(status.UNAVAILABLE));
  await issue();
  clock.aheadMs += 10_000;
  first.faults.push({ kind: 'slow', delayMs: 200 });
  const probe = issue();
  await first.untilCalled(2);
  await Promise.all([issue(), issue()]);
  t.strictSame([first.calls.length, second.calls.length], [2, 3]);
  await probe;
  await issue();
  t.equal(first.calls.length, 3);
});

t.test('when all are away each is tried, at most five times in all, and the error tells of each', async (t) => {
  const [first, second] = await twoCas(t);
  first.fault = reject(status.UNAVAILABLE, 'first is away');
  second.fault = reject(status.RESOURCE_EXHAUSTED, 'second is busy');
  const { issue } = clientOf(t, [at(first), at(second)]);
  const error = await issue().catch((reason: unknown) => reason);
  t.ok(error instanceof IdentityError);
  t.match(error, { code: 'ERR_CA_UNAVAILABLE', message: /first is away.*second is busy/ });
  t.strictSame([first.calls.length, second.calls.length], [3, 2]);
});

t.test('a CA whose answers cannot be used is not tried again, and another one is', async (t) => {
  const [first, second] = await twoCas(t);
  first.fault = { kind: 'garbage-bytes' };
  second.faults.push(reject(status.UNAVAILABLE));
  const { issue } = clientOf(t, [at(first), at(second)]);
  t.ok(await issue());
  t.strictSame([first.calls.length, second.calls.length], [1, 2]);
});

t.test('a CA that hangs has less time while another one is left', async (t) => {
  const [first, second] = await twoCas(t);
  first.fault = { kind: 'hang' };
  // No more than a whole attempt.
  const limits = { deadlineMs: PATIENCE_MS, budgetMs: PATIENCE_MS, now: Date.now };
  const { issue } = clientOf(t, [at(first), at(second)], limits);
  t.ok(await issue());
});

t.test('each CA is verified by its own root and its own name', async (t) => {
  const root = TestCa.root();
  const serverCertificate = root.server({ dnsNames: ['istiod.istio-system.svc'], ipAddresses: [] });
  const second = await FakeCaServer.start(t, { root, serverCertificate });
  const cas = [
    { address: '127.0.0.1:1', rootPem },
    { ...at(second), serverName: 'istiod.istio-system.svc' },
  ];
  t.ok(await clientOf(t, cas).issue());
});

t.test('a CA whose answers are refused cools down, and its bundle goes into no other answer', async (t) => {
  const [first, second] = await twoCas(t);
  const { client, clock, issue, logger } = clientOf(t, [at(first), at(second)]);
  const refused = new IdentityError('ERR_SVID_KEY_MISMATCH', 'got another key');
  await issue({ refused });
  t.match(client.statuses(), [
    { coolingUntilMs: Number, lastAnswerMs: undefined, lastFailure: { code: 'ERR_SVID_KEY_MISMATCH' } },
  ]);
  t.equal(String((await issue()).bundlePem), String(second.rootPem));
  clock.aheadMs += 10_000;
  await issue({ refused });
  t.equal(logger.of('ca is well again').length, 0, 'to answer is not enough');
  clock.aheadMs += 10_000;
  await issue();
  t.strictSame([first.calls.length, second.calls.length], [2, 2], 'the second cool-down is twice as long');
});

t.test('a probe that is dropped leaves the next call to try', async (t) => {
  const [first, second] = await twoCas(t);
  const { clock, issue } = clientOf(t, [at(first), at(second)]);
  first.faults.push(reject(status.UNAVAILABLE));
  await issue();
  clock.aheadMs += 10_000;
  await issue('dropped');
  await issue();
  t.strictSame([first.calls.length, second.calls.length], [3, 1]);
});

t.test('the bundle has the roots of all CAs that have answered, each once, in the order of the CAs', async (t) => {
  const [first, second] = await twoCas(t);
  const { clock, issue } = clientOf(t, [at(first), at(second)]);
  const both = String(first.rootPem) + String(second.rootPem);
  t.equal(String((await issue()).bundlePem), String(first.rootPem));
  first.faults.push(reject(status.UNAVAILABLE));
  const [third, fourth] = [await issue(), await issue()];
  t.equal(String(third.bundlePem), both);
  t.equal(third.bundlePem, fourth.bundlePem, 'the same memory');
  clock.aheadMs += 10_000;
  t.equal(String((await issue()).bundlePem), both, 'the same bytes, whichever CA has answered');
  const next = TestCa.root('next');
  first.faults.push({ kind: 'issues', roots: String(first.rootPem) + String(next.certificatePem) });
  t.equal(String((await issue()).bundlePem), [first.rootPem, next.certificatePem, second.rootPem].join(''));
});
