import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { createCaClient } from '../../src/agent/ca-client/index.js';
import { CancelSource } from '../../src/cancellation/index.js';
import { IdentityError } from '../../src/errors/index.js';
import { silentLogger } from '../../src/telemetry/index.js';
import { ecKeys, signedCsr } from '../hotpath/pki.js';
import { TestCa } from '../support/test-ca.js';
import { usedBytes, usedBytesBelow } from '../support/used-memory.js';
import { ATTACKS, type AttackName, type HostileCaData, type HostilePorts } from './hostile-ca.js';
import { PingWatch } from './ping-watch.js';
import { serveHostile } from './served.js';

const csrPem = signedCsr(ecKeys());
const ca = TestCa.root();
const { certPem: cert, keyPem: key } = ca.server();

/** Three answers as large as they may be, in memory that doubles, and what Node has read and not handed on. */
const MAX_GROWN_BYTES = 32 * 2 ** 20;

const data: HostileCaData = { cert, key };
const worker = new Worker(new URL('./hostile-ca.js', import.meta.url), { workerData: data });
t.teardown(() => worker.terminate());
const [ports]: HostilePorts[] = await once(worker, 'message');

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
    const limit = (await usedBytes()) + MAX_GROWN_BYTES;
    const pings = await PingWatch.start(served);
    let most = 0;
    const looking = setInterval(() => {
      most = Math.max(most, usedBytesBelow(limit));
      // Whoever PINGs so often is taken for a flooder by a clock that stands still.
      served.pass(1000);
    }, 50);
    const outcomes = await Promise.all([ask(), ask(), ask()]);
    clearInterval(looking);
    await pings.wasNeverKeptWaiting(t);
    t.ok(most < limit, `${most - limit} bytes more than allowed; ${outcomes[0]}`);
    for (const outcome of outcomes) {
      t.ok(outcome instanceof IdentityError);
      const { code, message } = outcome as IdentityError;
      t.match(code, /^ERR_CA_(UNAVAILABLE|DEADLINE|OVERLOADED|RESPONSE_INVALID)$/);
      t.ok(message.length < 1000 && !message.includes('\x1b'), `a message of ${message.length} characters`);
    }
  });
}
