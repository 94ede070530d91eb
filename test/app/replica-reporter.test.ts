import t from 'tap';
import { decodeReports } from '../../src/app/citadel/replica-report.js';
import { ReplicaReporter } from '../../src/app/citadel/replica-reporter.js';
import { configMapBoard, type ReportBoard } from '../../src/app/citadel/report-board.js';
import { IdentityError } from '../../src/errors/index.js';
import { FakeApiServer } from '../support/fake-api-server.js';
import { RecordingLogger } from '../support/recording-logger.js';

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

t.test('a directory that can only be read is told of once a day, and each other failure at once', async (t) => {
  const logger = new RecordingLogger();
  let reason: string | undefined = 'EROFS';
  let elapsedMs = 0;
  let reports = 0;
  const board: ReportBoard = {
    name: 'board',
    async change() {
      reports += 1;
      if (reason !== undefined) throw new IdentityError('ERR_SIGNER_INVALID', reason);
      return {};
    },
    make: async () => ({}),
    read: async () => ({}),
  };
  const options = { board, report, knownSinceMs: 0, isFresh: false, logger, elapsedMs: () => elapsedMs };
  const reporter = new ReplicaReporter(options);
  t.teardown(() => reporter.close());
  const next = async (passMs: number) => {
    elapsedMs += passMs;
    reporter.reportNow();
    for (const before = reports; reports === before; ) await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    return logger.of('what this replica has issued could not be told to the others').length;
  };
  t.equal(await next(0), 1);
  t.equal(await next(2 * 60_000), 1);
  t.equal(await next(2 * 60_000), 1);
  reason = 'ENOSPC';
  t.equal(await next(2 * 60_000), 2);
  t.equal(await next(24 * HOUR_MS), 3);
  reason = undefined;
  t.equal(await next(2 * 60_000), 3);
  reason = 'ENOSPC';
  t.equal(await next(2 * 60_000), 4);
});
