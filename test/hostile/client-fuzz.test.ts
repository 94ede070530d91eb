import { once } from 'node:events';
import { createServer } from 'node:tls';
import t from 'tap';
import { CallFailure, openGrpcClient, status } from '../../src/net/grpc/index.js';
import { seededRandom } from '../support/prng.js';
import { TestCa } from '../support/test-ca.js';
import { hostileAnswers } from './answers.js';

/** The same in memory, more of it: the target `answers` of test/fuzz. */
const SEED = 1;

const STREAMS = 5;

t.test('over TLS: every call to a server that says such things comes to an end', async (t) => {
  const random = seededRandom(SEED + 1);
  const ca = TestCa.root();
  const { certPem: cert, keyPem: key } = ca.server();
  const server = createServer({ cert, key, ALPNProtocols: ['h2'] }, (socket) => {
    socket.on('error', () => {});
    const bytes = hostileAnswers(random, STREAMS);
    socket.once('data', () => {
      socket.write(bytes);
      if (random() < 0.5) socket.end();
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.teardown(() => server.close());
  const address = `127.0.0.1:${Object(server.address()).port}`;
  const odd: unknown[] = [];
  let failed = 0;
  for (let round = 0; round < 200; round += 1) {
    const connection = openGrpcClient({ address, rootPem: ca.certificatePem });
    const options = { deadlineMs: Date.now() + 100 };
    const calls = Array.from({ length: STREAMS }, () => connection.unary('/a.B/C', Buffer.from('x'), options));
    for (const outcome of await Promise.allSettled(calls)) {
      if (outcome.status === 'fulfilled') continue;
      failed += 1;
      const { reason } = outcome;
      if (!(reason instanceof CallFailure) || status[reason.code] === undefined) odd.push(reason);
    }
    connection.close();
  }
  t.same(odd, []);
  t.ok(failed > 0);
});
