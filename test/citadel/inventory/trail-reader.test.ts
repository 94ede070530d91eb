import { readdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { InventoryEntry, InventoryStore, ReadPosition } from '../../../src/citadel/inventory/inventory-store.js';
import { TrailReader, type TrailReaderState } from '../../../src/citadel/inventory/trail-reader.js';
import { TrailWriter } from '../../../src/citadel/trail/index.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { TestCa } from '../../support/test-ca.js';

const DAY_MS = 24 * 3_600_000;
const leaf = TestCa.root().certificatePem;

/** An inventory in memory that can be away. */
class MemoryStore implements InventoryStore {
  readonly serials: string[] = [];
  readonly positions = new Map<string, number>();
  failure: Error | undefined;
  opened = 0;
  closed = 0;
  removedBefore: number | undefined;

  async open(): Promise<InventoryStore> {
    if (this.failure !== undefined) throw this.failure;
    this.opened += 1;
    return this;
  }

  async position(source: string): Promise<number> {
    return this.positions.get(source) ?? 0;
  }

  async add(entries: readonly InventoryEntry[], { source, n }: ReadPosition): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    this.serials.push(...entries.map(({ serial }) => serial));
    this.positions.set(source, n);
  }

  find(): AsyncIterable<string> {
    throw new Error('it is not asked');
  }

  async removeEndedBefore(atMs: number): Promise<number> {
    this.removedBefore = atMs;
    return 0;
  }

  async close(): Promise<void> {
    this.closed += 1;
  }
}

async function start(t: Test, options: { readonly store?: MemoryStore; readonly maxFileBytes?: number } = {}) {
  const { store = new MemoryStore(), maxFileBytes } = options;
  const directory = join(t.testdir(), 'trail');
  const openTrail = (): Promise<TrailWriter> =>
    TrailWriter.open({
      ...{ directory, replica: 'citadel-0', version: '1', mode: 'wait', maxWaitMs: 60_000, keepMs: 365 * DAY_MS },
      ...{ logger: new RecordingLogger(), now: Date.now, ...(maxFileBytes !== undefined && { maxFileBytes }) },
    });
  const trail = await openTrail();
  t.teardown(() => trail.close());
  const issue = (serial: string, by = trail): Promise<void> =>
    by.issued(
      {
        ...{ serial, spiffe_id: 'spiffe://cluster.local/ns/foo/sa/sleep' },
        ...{ not_before: '2026-12-01T00:00:00Z', not_after: '2026-12-02T00:00:00Z' },
      },
      leaf,
    );
  const states: TrailReaderState[] = [];
  const waiters: (() => void)[] = [];
  const read = (openedAt = trail.end) => {
    const reader = new TrailReader({
      ...{ open: () => store.open(), directory, source: 'a', openedAt, keepMs: DAY_MS, now: () => 3 * DAY_MS },
      report: (state) => {
        states.push(state);
        for (const wake of waiters.splice(0)) wake();
      },
    });
    const ended = reader.run();
    return {
      ended,
      end: async () => {
        reader.end();
        await ended;
      },
    };
  };
  const until = async (isDone: (state: TrailReaderState) => boolean): Promise<void> => {
    while (!states.some(isDone)) await new Promise<void>((resolve) => waiters.push(resolve));
  };
  return { store, directory, trail, openTrail, issue, read, states, until };
}

t.test('a trail is read as it goes on, over the ends of its files, each record once', async (t) => {
  const { store, trail, issue, read, until } = await start(t, { maxFileBytes: 1000 });
  await issue('01');
  const reader = read();
  await until(({ n }) => n >= 2);
  for (let serial = 2; serial < 20; serial += 1) await issue(`0${serial}`);
  trail.refused({ code: 'ERR_TOKEN_EXPIRED', reason: 'old' });
  await issue('20');
  await until(({ n }) => n === trail.end);
  t.equal(store.removedBefore, 2 * DAY_MS);
  const expected = Array.from({ length: 20 }, (_, at) => `${at + 1}`);
  t.strictSame(store.serials, expected);

  // Another one goes on behind the last.
  await reader.end();
  t.equal(store.closed, store.opened);
  await issue('21');
  const next = read();
  await next.end();
  t.strictSame(store.serials, [...expected, '21'], 'what is there is read before the end');
});

t.test('a database that is away is told, and what came meanwhile is read later', async (t) => {
  const { store, trail, issue, read, states, until } = await start(t);
  store.failure = new Error('connection refused');
  const reader = read();
  await until(({ failure }) => failure === 'connection refused');
  await issue('a1');
  store.failure = undefined;
  await until(({ n }) => n === trail.end);
  store.failure = new Error('terminating connection');
  await issue('a2');
  await until(({ failure }) => failure === 'terminating connection');
  store.failure = undefined;
  await until(({ n }) => n === trail.end);
  t.equal(states.at(-1)?.failure, undefined);
  t.strictSame(store.serials, ['a1', 'a2']);
  await reader.end();
});

t.test('what a power cut has taken from the trail is no gap in the inventory', async (t) => {
  const { store, issue, read, trail, openTrail, directory } = await start(t);
  await issue('a1');
  // The inventory has read further than the disk had it.
  store.positions.set('a', 4);
  await trail.close();
  const [first = ''] = readdirSync(directory).sort();
  const again = await openTrail();
  t.teardown(() => again.close());
  const openedAt = again.end;
  await issue('b1', again);
  await issue('b2', again);
  unlinkSync(join(directory, first));
  const reader = read(Math.min(openedAt, 3));
  await reader.end();
  t.strictSame(store.serials, ['b1', 'b2'], 'and a file that is gone is passed over');
});

t.test('what is no record of a certificate is left out', async (t) => {
  const { store, directory, issue, read, trail } = await start(t);
  const odd = [
    'no JSON',
    '{"n":2,"time":"2026-12-01T00:00:00Z","event":"issued","prev":""}',
    '{"n":3,"time":"2026-12-01T00:00:00Z","event":"issued","prev":"","serial":"1","spiffe_id":"spiffe://a/b","not_before":"x"}',
    'x'.repeat(3 * 1024 * 1024),
  ];
  writeFileSync(join(directory, 'trail-000000000002-00000000.jsonl'), odd.join('\n'));
  for (const serial of ['c1', 'c2', 'c3']) await issue(serial);
  const reader = read();
  await reader.end();
  t.equal(store.positions.get('a'), trail.end);
  t.ok(store.serials.every((serial) => /^c\d$/.test(serial)));
});
