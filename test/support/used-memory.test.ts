import t from 'tap';
import { leakOf, sizeOf, usedBytes, usedBytesBelow } from './used-memory.js';

const ENTRIES = 10_000;

t.test('what each round keeps is a leak, small things and buffers alike', async (t) => {
  const kept: unknown[] = [];
  for (const [name, make, least] of [
    ['objects', (index: number) => ({ index, name: `entry ${index}` }), 40],
    ['buffers', () => Buffer.alloc(5000), 5000],
    ['closures', (index: number) => () => index, 40],
  ] as const) {
    const leaked = await leakOf(() => {
      for (let index = 0; index < ENTRIES; index += 1) kept.push(make(index));
    });
    t.ok(leaked > ENTRIES * least, `${name}: ${leaked} bytes`);
    t.ok(leaked < ENTRIES * least * 10, `${name}: ${leaked} bytes`);
    kept.length = 0;
  }
});

t.test('what is let go of is none: neither garbage nor what a finalizer or a later turn lets go', async (t) => {
  const byName = new Map<string, WeakRef<object>>();
  const kept = new Set<object>();
  const registry = new FinalizationRegistry((name: string) => byName.delete(name));
  let names = 0;
  const leaked = await leakOf(() => {
    for (let index = 0; index < ENTRIES; index += 1) {
      const name = `name ${names}`;
      const value = { bytes: Buffer.alloc(100) };
      names += 1;
      byName.set(name, new WeakRef(value));
      registry.register(value, name);
      kept.add(value);
    }
    setImmediate(() => kept.clear());
  });
  t.ok(leaked < ENTRIES * 40, `${leaked} bytes; an entry of the map takes more than 100`);
});

t.test('what grows once or twice is none, and hides none when it shrinks', async (t) => {
  const kept: unknown[] = [];
  for (const perRound of [0, 3_000_000]) {
    let round = 0;
    let cache: Buffer | undefined;
    const leaked = await leakOf(() => {
      round += 1;
      if (round === 3) cache = Buffer.alloc(30_000_000);
      if (round === 5) cache = undefined;
      kept.push(Buffer.alloc(perRound));
    });
    t.equal(cache, undefined);
    t.ok(Math.abs(leaked - perRound) < 1_000_000, `${leaked} bytes for ${perRound}`);
  }
});

t.test('the size of a thing is that of one, and garbage on the way to it is not in it', async (t) => {
  const size = await sizeOf(() => {
    let bytes = Buffer.alloc(0);
    for (let count = 0; count < 20; count += 1) bytes = Buffer.concat([bytes, Buffer.alloc(500_000)]);
    return bytes;
  });
  t.ok(Math.abs(size - 10_000_000) < 1_000_000, `${size} bytes`);
});

t.test('in the middle of work garbage is collected only for the answer', async (t) => {
  const limit = (await usedBytes()) + 10_000_000;
  let garbage: Buffer | undefined = Buffer.alloc(20_000_000);
  t.ok(usedBytesBelow(limit) >= limit, `${garbage.length} are in use`);
  garbage = undefined;
  t.ok(usedBytesBelow(limit) < limit);
});
