import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { createCaClient } from '../../src/agent/ca-client/index.js';
import { CancelSource } from '../../src/cancellation/index.js';
import { IdentityError } from '../../src/errors/index.js';
import { silentLogger } from '../../src/telemetry/index.js';
import { ecKeys, signedCsr } from '../hotpath/pki.js';
import { TestCa } from '../support/test-ca.js';
import { ATTACKS, type AttackName, type HostileCaData, type HostilePorts } from './hostile-ca.js';
import { PingWatch } from './ping-watch.js';
import { serveHostile } from './served.js';

const csrPem = signedCsr(ecKeys());
const ca = TestCa.root();
const { certPem: cert, keyPem: key } = ca.server();

/** Three answers as large as they may be, what Node has read and not handed on, and garbage of some moments. */
const MAX_GROWN_MB = 64;

const data: HostileCaData = { cert, key };
const worker = new Worker(new URL('./hostile-ca.js', import.meta.url), { workerData: data });
t.teardown(() => worker.terminate());
const [ports]: HostilePorts[] = await once(worker, 'message');

/** Of this thread: what is held, with garbage that was not collected yet. */
function heldMb(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return (heapUsed + arrayBuffers) / 2 ** 20;
}

for (const attack of Object.keys(ATTACKS) as AttackName[]) {
  t.test(`a CA that answers with ${attack} holds up no Envoy, fills no memory, and each call ends`, async (t) => {
    const address = `127.0.0.1:${ports?.[attack]}`;
    // Who PINGs without a pause is busy, and would wait for a turn behind the answers of the CA: one clock of the turns
    // stands still.
    const served = await serveHostile(t, { via: 'node', turnClock: () => 0 });
    const client = createCaClient({
      ...{ cas: [{ address, rootPem: ca.certificatePem }], clusterId: '', logger: silentLogger },
      ...{ now: Date.now, random: Math.random, deadlineMs: 250, budgetMs: 400 },
    });
    t.teardown(() => client.close());
    const ask = async () => {
      const token = { read: async () => Buffer.from('token') };
      const request = { csrPem, ttlMs: 60_000, token, signal: new CancelSource() };
      return client.issue(request).then(
        () => 'an answer',
        (error: unknown) => error,
      );
    };
    const before = heldMb();
    const pings = await PingWatch.start(served);
    let mostMb = before;
    const looking = setInterval(() => {
      mostMb = Math.max(mostMb, heldMb());
      // Whoever PINGs so often is taken for a flooder by a clock that stands still.
      served.pass(1000);
    }, 50);
    const outcomes = await Promise.all([ask(), ask(), ask()]);
    clearInterval(looking);
    await pings.wasNeverKeptWaiting(t);
    t.comment(`grown by ${(mostMb - before).toFixed(1)} MB; ${outcomes[0]}`);
    t.ok(mostMb - before < MAX_GROWN_MB, `grown by ${(mostMb - before).toFixed(1)} MB`);
    for (const outcome of outcomes) {
      t.ok(outcome instanceof IdentityError);
      const { code, message } = outcome as IdentityError;
      t.match(code, /^ERR_CA_(UNAVAILABLE|DEADLINE|OVERLOADED|RESPONSE_INVALID)$/);
      t.ok(message.length < 1000 && !message.includes('\x1b'), `a message of ${message.length} characters`);
    }
  });
}
