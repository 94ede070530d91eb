import t from 'tap';
import { createGrpcServer } from '../../../src/net/grpc/index.js';
import { Metric, MetricRegistry, silentLogger } from '../../../src/telemetry/index.js';
import { serverMetrics } from '../../support/server-metrics.js';

const MIB = 1024 * 1024;

function startServer(maxConnections: number) {
  const metrics = new MetricRegistry();
  const limits = { maxReceiveBytes: 1, maxConcurrentStreams: 1, maxConnections };
  const server = createGrpcServer({ logger: silentLogger, metrics: serverMetrics(metrics), ...limits });
  const refused = (reason: string) => metrics.counter(Metric.sdsConnectionsRefused, { reason }).value;
  return { server, refused };
}

t.test('connections that others serve count until they are over', async (t) => {
  const { server, refused } = startServer(3);
  const dropped: number[] = [];
  const count = (number: number) => server.count(undefined, () => dropped.push(number));
  const first = count(1);
  t.ok(count(2) && count(3));
  first?.left();
  first?.left();
  t.ok(count(4), 'in the place of the first');
  t.same(dropped, []);
  t.ok(count(5));
  t.same(dropped, [2], 'one too many ends the one that has been idle for longest');
  t.equal(refused('too_many'), 0);
});

t.test('what a connection held is given back once, though its server hears of the end last', async (t) => {
  const { server } = startServer(100);
  const holding = () => {
    const connection = server.count(undefined, () => {});
    return { connection, isKept: connection?.keep(16 * MIB) };
  };
  for (let round = 0; round < 4; round += 1) {
    const { connection, isKept } = holding();
    t.ok(isKept);
    connection?.left();
    connection?.keep(-16 * MIB);
  }
  t.same(
    [1, 2, 3, 4].map(() => holding().isKept),
    [true, true, true, false],
    'four times 16 MiB are more than strangers may have',
  );
});

t.test('a process whose connections flooded is not let in for a while; others are', async (t) => {
  const { server, refused } = startServer(100);
  const peer = { uid: 1, gid: 1, pid: 7 };
  for (let round = 0; round < 5; round += 1) {
    const connection = server.count(peer, () => {});
    connection?.flooded('test');
    connection?.left();
  }
  t.equal(
    server.count(peer, () => {}),
    undefined,
  );
  t.equal(refused('misbehaved'), 1);
  t.ok(server.count({ ...peer, pid: 8 }, () => {}));
});

t.test('a server that is closed counts none', async (t) => {
  const { server } = startServer(100);
  await server.close(0);
  t.equal(
    server.count(undefined, () => {}),
    undefined,
  );
});
