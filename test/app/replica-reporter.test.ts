import t from 'tap';
import { decodeReports } from '../../src/app/citadel/replica-report.js';
import { ReplicaReporter } from '../../src/app/citadel/replica-reporter.js';
import { configMapBoard } from '../../src/app/citadel/report-board.js';
import { FakeApiServer } from '../support/fake-api-server.js';

const HOUR_MS = 3_600_000;

/** What a replica tells. */
const report = () => ({
  ...{ atMs: Date.now(), hasEnded: false, longestTtlMs: HOUR_MS, forgotten: 0, signer: 's', roots: ['s'] },
  withOtherRoots: { count: 0, names: [] },
  leaves: [{ issuer: 's', untilMs: Date.now() + HOUR_MS, count: 1, names: ['x'] }],
});

t.test('a replica that ends tells so', async (t) => {
  const told: string[] = [];
  const server = await FakeApiServer.start(t, ({ body }, response) => {
    const { data } = JSON.parse(body);
    told.push(...[...decodeReports(data).reports.values()].map(({ hasEnded }) => String(hasEnded)));
    const metadata = { name: 'sidecert-citadel-replicas', namespace: 'istio-system' };
    response.end(JSON.stringify({ kind: 'ConfigMap', apiVersion: 'v1', metadata, data }));
  });
  const client = server.client();
  const board = configMapBoard(client, 'istio-system');
  const options = { board, report, knownSinceMs: 0, isFresh: false, logger: server.logger };
  await new ReplicaReporter(options).close();
  t.same(told, ['false', 'true']);
});

t.test('one whose API server does not answer ends all the same, in a second', async (t) => {
  const server = await FakeApiServer.start(t, () => {});
  const client = server.client({ timeoutMs: HOUR_MS });
  const options = {
    board: configMapBoard(client, 'istio-system'),
    report,
    knownSinceMs: 0,
    isFresh: false,
    logger: server.logger,
  };
  await new ReplicaReporter(options).close();
  t.ok(server.requests.length <= 1);
});
