import { spawnSync } from 'node:child_process';
import { existsSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import type { InventoryEntry } from '../../../src/citadel/inventory/inventory-store.js';
import { openInventory } from '../../../src/citadel/inventory/open-store.js';
import { messageOf } from '../../../src/errors/index.js';
import { shortDir } from '../../support/short-dir.js';
import { traceDisk } from '../../support/traced-disk.js';

// Some hundred disks, each started from.
t.setTimeout(300_000);

const NO_STRACE = spawnSync('strace', ['-V']).error !== undefined && 'no strace on this machine';
const STORE = fileURLToPath(new URL('../../../src/citadel/inventory/open-store.js', import.meta.url));
const COUNT = 2;

const PROGRAM = `
import { openSync, writeSync } from 'node:fs';
const [module, path, promises] = process.argv.slice(2);
const { openInventory } = await import(module);
const file = openSync(promises, 'w');
const store = await openInventory({ kind: 'sqlite', path });
for (let n = 1; n <= ${COUNT}; n += 1) {
  const times = { atMs: n, notBeforeMs: 0, notAfterMs: 1e13 };
  const record = JSON.stringify({ serial: 'a' + n, filling: 'x'.repeat(3000) });
  const entry = { event: 'issued', serial: 'a' + n, spiffeId: 'spiffe://a/b', ...times, record };
  await store.add([entry], { source: 's', n });
  writeSync(file, String(n));
}
await store.close();
`;

const entryOf = (n: number): InventoryEntry => ({
  ...{ event: 'issued', serial: `a${n}`, spiffeId: 'spiffe://a/b', atMs: n, notBeforeMs: 0, notAfterMs: 1e13 },
  record: JSON.stringify({ serial: `a${n}` }),
});

t.test('an inventory goes on from the trail, wherever the power goes', { skip: NO_STRACE }, async (t) => {
  const [place, aside] = [shortDir(t), join(shortDir(t), 'aside')];
  const program = join(shortDir(t), 'program.mjs');
  writeFileSync(program, PROGRAM);
  const disk = traceDisk(place, aside, [program, STORE, join(place, 'inventory.db')]);
  disk.keepsNamesOfFiles = true;
  t.same(
    disk.steps.flatMap((step) => (step.kind === 'promise' ? [step.text] : [])),
    ['1', '2'],
  );
  t.ok(disk.steps.filter(({ kind }) => kind === 'sync').length > COUNT);
  const wrong: string[] = [];
  const count = await disk.eachCut(async ({ directory, cut }) => {
    const path = join(directory, 'inventory.db');
    // A minute later the lock of a process that was cut off counts for nothing.
    const longAgo = Date.now() / 1000 - 120;
    if (existsSync(`${path}.lock`)) utimesSync(`${path}.lock`, longAgo, longAgo);
    try {
      const store = await openInventory({ kind: 'sqlite', path });
      // As the reader of the trail does: what is behind the position is read again.
      for (let n = (await store.position('s')) + 1; n <= COUNT; n += 1)
        await store.add([entryOf(n)], { source: 's', n });
      const found: string[] = [];
      for await (const record of store.find({})) found.push(JSON.parse(record).serial);
      await store.close();
      if (found.join() !== 'a1,a2') throw new Error(`got ${found.join()}`);
    } catch (error) {
      wrong.push(`${cut}: ${messageOf(error)}`);
    }
  });
  t.comment(`${disk.steps.length} steps, ${count} disks`);
  t.same(wrong.slice(0, 10), []);
});
