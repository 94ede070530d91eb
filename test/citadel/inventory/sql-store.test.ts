import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { InventoryEntry, InventoryQuery, InventoryStore } from '../../../src/citadel/inventory/inventory-store.js';
import {
  type InventoryPlace,
  openInventory,
  openInventoryToRead,
  placeText,
} from '../../../src/citadel/inventory/open-store.js';
import { NO_POSTGRES, Postgres } from '../../support/postgres.js';
import { shortDir } from '../../support/short-dir.js';

const HOUR_MS = 3_600_000;
const START_MS = Date.parse('2026-12-01T00:00:00Z');

/** One of the certificate with this number, issued so many minutes after the start; it lives for an hour. */
function entry(number: number, account = 'sleep'): InventoryEntry {
  const atMs = START_MS + number * 60_000;
  const serial = `1${number.toString(16).padStart(4, '0')}`;
  const spiffeId = `spiffe://cluster.local/ns/foo/sa/${account}`;
  return {
    ...{ event: 'issued', serial, spiffeId, atMs, notBeforeMs: atMs - 1000, notAfterMs: atMs + HOUR_MS },
    record: JSON.stringify({ serial, account, text: 'ä"\'%' }),
  };
}

async function serialsOf(store: InventoryStore, query: InventoryQuery): Promise<string[]> {
  const found: string[] = [];
  for await (const record of store.find(query)) found.push(JSON.parse(record).serial);
  return found;
}

const KINDS: { name: string; skip: string | false; place: (t: Test) => Promise<InventoryPlace> }[] = [
  {
    ...{ name: 'SQLite', skip: false },
    place: async (t) => ({ kind: 'sqlite', path: join(shortDir(t), 'inventory.db') }),
  },
  {
    ...{ name: 'PostgreSQL', skip: NO_POSTGRES },
    place: async (t) => ({ kind: 'postgres', url: (await Postgres.start(t)).url }),
  },
];

for (const { name, skip, place } of KINDS) {
  t.test(`${name} finds certificates by serial, identity and time`, { skip }, async (t) => {
    const where = await place(t);
    const store = await openInventory(where);
    t.equal(await store.position('a'), 0);
    const entries = [...[1, 2, 3].map((number) => entry(number)), entry(4, 'sleep-2'), entry(5, 'Sleep')];
    await store.add(entries.slice(0, 3), { source: 'a', n: 7 });
    await store.add(entries.slice(3), { source: 'a', n: 9 });
    await store.add([entry(1, 'other')], { source: 'b', n: 2 });
    t.equal(await store.position('a'), 9);
    t.equal(await store.position('b'), 2);

    const [first, second, third, fourth, fifth] = entries.map(({ serial }) => serial);
    t.strictSame(await serialsOf(store, {}), [first, second, third, fourth, fifth], 'what is there stays as it is');
    t.strictSame(await serialsOf(store, { serial: third }), [third]);
    t.strictSame(await serialsOf(store, { serial: "' OR 1=1" }), []);
    const ofSleep = { prefixes: ['spiffe://cluster.local/ns/foo/sa/sleep'] };
    t.strictSame(await serialsOf(store, ofSleep), [first, second, third, fourth], 'capitals are other letters');
    t.strictSame(await serialsOf(store, { prefixes: [...ofSleep.prefixes, 'spiffe://cluster.local/ns/foo/sa/S'] }), [
      ...[first, second, third, fourth, fifth],
    ]);
    const minute = (number: number): number => START_MS + number * 60_000;
    t.strictSame(await serialsOf(store, { ...ofSleep, sinceMs: minute(2), untilMs: minute(4) }), [second, third]);
    t.strictSame(await serialsOf(store, { validAtMs: minute(3) }), [first, second, third]);
    t.strictSame(await serialsOf(store, { validAtMs: minute(64) + 1 }), [fifth]);

    const revoked = { ...entry(3), event: 'revoked' as const, atMs: minute(9) };
    await store.add([revoked], { source: 'a', n: 10 });
    t.strictSame(await serialsOf(store, { serial: third }), [third, third]);
    t.strictSame(await serialsOf(store, { event: 'revoked' }), [third]);
    t.strictSame(await serialsOf(store, { event: 'issued', sinceMs: minute(3) }), [third, fourth, fifth]);

    t.equal(await store.removeEndedBefore(minute(62)), 1);
    await store.close();
    const reader = await openInventoryToRead(where);
    t.strictSame(await serialsOf(reader, {}), [second, third, fourth, fifth, third]);
    await reader.close();
  });

  t.test(`${name} takes thousands at once, or nothing of them, and gives them page by page`, { skip }, async (t) => {
    const where = await place(t);
    const store = await openInventory(where);
    const many = Array.from({ length: 2500 }, (_, number) => entry(number));
    const broken = { ...entry(2500), record: null } as unknown as InventoryEntry;
    await t.rejects(store.add([...many, broken], { source: 'a', n: 2501 }));
    t.equal(await store.position('a'), 0);
    t.strictSame(await serialsOf(store, {}), []);
    await store.add(many, { source: 'a', n: 2500 });
    t.strictSame(
      await serialsOf(store, {}),
      many.map(({ serial }) => serial),
    );
    await store.close();
  });
}

t.test('PostgreSQL is opened by several at once', { skip: NO_POSTGRES }, async (t) => {
  const where: InventoryPlace = { kind: 'postgres', url: (await Postgres.start(t)).url };
  const stores = await Promise.all(Array.from({ length: 3 }, () => openInventory(where)));
  await Promise.all(stores.map((store, index) => store.add([entry(index)], { source: `${index}`, n: 1 })));
  t.equal((await serialsOf(stores[0] as InventoryStore, {})).length, 3);
  for (const store of stores) await store.close();
});

t.test('a user of PostgreSQL that may make no tables', { skip: NO_POSTGRES }, async (t) => {
  const server = await Postgres.start(t);
  const poor = { kind: 'postgres' as const, url: server.url.replace('//citadel@', '//poor@') };
  await server.query('CREATE ROLE poor LOGIN');
  const connections = async (): Promise<unknown> =>
    (await server.query("SELECT count(*)::int AS count FROM pg_stat_activity WHERE usename = 'poor'"))[0]?.count;
  for (let tries = 0; tries < 3; tries += 1) {
    await t.rejects(openInventory(poor), { message: /permission denied for schema public/ });
  }
  while ((await connections()) !== 0) await sleep(20);
  t.pass('leaves no connection when it is refused');
  await (await openInventory({ kind: 'postgres', url: server.url })).close();
  await server.query('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO poor');
  const store = await openInventory(poor);
  await store.add([entry(1)], { source: 'a', n: 1 });
  t.equal((await serialsOf(store, {})).length, 1, 'and works once they are there');
  await store.close();
});

t.test('a file of SQLite is its own user’s alone, and any SQLite reads it', async (t) => {
  const path = join(shortDir(t), 'inventory.db');
  const store = await openInventory({ kind: 'sqlite', path });
  await store.add([entry(1)], { source: 'a', n: 1 });
  await store.close();
  t.equal(statSync(path).mode & 0o777, 0o600);
  const program = 'import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute(sys.argv[2]).fetchall())';
  const rows = execFileSync('python3', ['-c', program, path, 'SELECT serial, spiffe_id FROM sidecert_certificate']);
  t.equal(rows.toString().trim(), "[('10001', 'spiffe://cluster.local/ns/foo/sa/sleep')]");
});

t.test('the lock of a process that was killed holds up no other', async (t) => {
  const path = join(shortDir(t), 'inventory.db');
  mkdirSync(`${path}.lock`);
  utimesSync(`${path}.lock`, new Date(0), new Date(0));
  const store = await openInventory({ kind: 'sqlite', path });
  await store.add([entry(1)], { source: 'a', n: 1 });
  t.equal(await store.position('a'), 1);
  await store.close();
});

t.test('what is no inventory is refused, and stays as it is', async (t) => {
  const path = join(shortDir(t), 'letter');
  writeFileSync(path, 'Dear Sir or Madam, '.repeat(100));
  await t.rejects(openInventory({ kind: 'sqlite', path }), { message: /not a database/ });
  t.match(readFileSync(path, 'utf8'), /^Dear Sir or Madam, /);
  await t.rejects(openInventoryToRead({ kind: 'sqlite', path: `${path}-2` }));
  t.equal(
    placeText({ kind: 'postgres', url: 'postgresql://citadel:pass@db:5432/ca?sslmode=require' }),
    'postgresql://citadel@db:5432/ca',
  );
});
