import { readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { decodeReports } from '../../src/app/citadel/replica-report.js';
import { ReplicaReporter } from '../../src/app/citadel/replica-reporter.js';
import { configMapBoard, directoryBoard, type ReportBoard } from '../../src/app/citadel/report-board.js';
import { until } from '../../src/demo/polling.js';
import { IdentityError } from '../../src/errors/index.js';
import { FakeApiServer } from '../support/fake-api-server.js';
import { PATIENCE_MS } from '../support/patience.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { shortDir } from '../support/short-dir.js';

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

t.test('the mark of a Citadel that runs stays, and is made again when it is gone', async (t) => {
  const directory = shortDir(t);
  const board = directoryBoard(directory);
  const logger = new RecordingLogger();
  const reporter = new ReplicaReporter({ board, report, knownSinceMs: 0, isFresh: false, logger });
  const { key } = reporter;
  const bootId = async () => decodeReports(await board.read()).reports.get(key)?.bootId;
  const id = await until('its report', AbortSignal.timeout(PATIENCE_MS), bootId);
  await board.change({ [key]: null });
  t.equal(await board.life(key, id), 'runs', 'who takes it for a dead one removes what it has told alone');
  t.equal(await board.life(key, `${id}0`), 'unknown', 'of another file system');

  rmSync(join(directory, '.citadels', `${key}.process`));
  reporter.reportNow();
  const isMarked = async () => (await board.life(key, id)) === 'runs' || undefined;
  await until('another mark', AbortSignal.timeout(PATIENCE_MS), isMarked);
  await reporter.close();
  t.same(
    readdirSync(join(directory, '.citadels')).filter((name) => name.endsWith('.process')),
    [],
  );
});

t.test('what a Citadel has left that was killed before it told anything goes in time', async (t) => {
  const directory = shortDir(t);
  const board = directoryBoard(directory);
  await board.make({});
  const place = join(directory, '.citadels');
  const names = ['young.00000000.process', 'old.00000000.process', 'foreign.process'];
  const [, old = '', foreign = ''] = names;
  for (const name of names) writeFileSync(join(place, name), '');
  for (const name of [old, foreign]) utimesSync(join(place, name), 0, 0);
  await board.change({});
  t.same(readdirSync(place).sort(), names.filter((name) => name !== old).sort());
});
