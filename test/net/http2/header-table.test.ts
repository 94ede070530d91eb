import t from 'tap';
import { HeaderDecoder, type HeaderField } from '../../../src/net/http2/index.js';
import { sizeOf, tableEntry, tableOf } from '../../support/header-table.js';
import { seededRandom } from '../../support/prng.js';

const LIMIT = 64 * 1024;

/** A literal that goes into the table, by a name of its own. (RFC 7541 §6.2.1) */
function kept(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.of(0x40, name.length), Buffer.from(name), Buffer.of(value.length), Buffer.from(value)]);
}

const tooLong: readonly { name: string; hex: string }[] = [
  { name: 'a size of the table with 160 octets of zeros', hex: `3f${'80'.repeat(160)}00` },
  { name: 'a size of the table with 1 000 octets of ones', hex: `3f${'ff'.repeat(1000)}7f` },
  { name: 'an index with 160 octets of zeros', hex: `ff${'80'.repeat(160)}00` },
  { name: 'the length of a name with 160 octets of zeros', hex: `407f${'80'.repeat(160)}00` },
  { name: 'the length of a value with 160 octets of zeros', hex: `4001617f${'80'.repeat(160)}00` },
  { name: 'six octets behind the first', hex: '3f808080808000' },
  { name: 'a value above 2^24', hex: '3fe2ffff07' },
];
for (const { name, hex } of tooLong) {
  t.test(`${name}: the block does not parse`, async (t) => {
    t.throws(() => new HeaderDecoder().decode(Buffer.from(hex, 'hex'), LIMIT), RangeError);
  });
}

t.test('a size with a few superfluous zeros is read, as nghttp2 reads it', async (t) => {
  const decoder = new HeaderDecoder();
  t.same(decoder.decode(Buffer.concat([Buffer.from('3f8180808000', 'hex'), kept('a', 'b')]), LIMIT), [['a', 'b']]);
  t.same(tableOf(decoder), [], 'the table has 32 octets now, one too few for the smallest entry with a text');
});

t.test('a table holds at most 128 entries in 4096 octets, whatever is put into it', async (t) => {
  const decoder = new HeaderDecoder();
  const block = Buffer.concat(Array.from({ length: 4096 }, () => kept('a', '')));
  for (let round = 0; round < 60; round += 1) t.equal(decoder.decode(block, LIMIT), undefined, 'too long a list');
  t.equal(tableOf(decoder).length, 124);
  t.equal(sizeOf(tableOf(decoder)), 124 * 33);
});

t.test('a block of more fields than twice what fits into a list is not read to its end', async (t) => {
  for (const field of [kept('a', ''), Buffer.of(0x82)]) {
    const blockOf = (count: number) => Buffer.concat(Array.from({ length: count }, () => field));
    t.equal(new HeaderDecoder().decode(blockOf(4096), LIMIT), undefined);
    t.throws(() => new HeaderDecoder().decode(blockOf(4097), LIMIT), { message: /more than 4096 fields/ });
  }
});

t.test('a table answers as the one of RFC 7541 §4 does, for any order of insertions and sizes', async (t) => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const random = seededRandom(seed);
    const below = (limit: number) => Math.floor(random() * limit);
    const decoder = new HeaderDecoder();
    /** Newest first; as simple as can be. */
    let model: HeaderField[] = [];
    let size = 4096;
    const evict = () => {
      while (sizeOf(model) > size) model = model.slice(0, -1);
    };
    for (let step = 0; step < 100; step += 1) {
      const parts: Buffer[] = [];
      if (random() < 0.1) {
        size = below(4097);
        parts.push(size < 31 ? Buffer.of(0x20 | size) : Buffer.of(0x3f, ((size - 31) & 0x7f) | 0x80, (size - 31) >> 7));
        evict();
      }
      const field: HeaderField = [`n${below(1000)}`, 'v'.repeat(below(random() < 0.1 ? 127 : 20))];
      parts.push(kept(...field));
      model = [field, ...model];
      evict();
      const found = model[below(model.length)];
      if (found !== undefined) parts.push(tableEntry(model.indexOf(found)));
      const expected = found === undefined ? [field] : [field, found];
      const read = decoder.decode(Buffer.concat(parts), LIMIT);
      if (JSON.stringify(read) !== JSON.stringify(expected)) t.same(read, expected, `seed ${seed}, step ${step}`);
      const table = tableOf(decoder);
      if (JSON.stringify(table) !== JSON.stringify(model)) t.same(table, model, `seed ${seed}, step ${step}`);
    }
    t.throws(() => decoder.decode(tableEntry(model.length), LIMIT), RangeError, `seed ${seed}`);
  }
});

t.test('after a lower limit was agreed the peer says that it uses less, and never more again', async (t) => {
  const decoder = new HeaderDecoder();
  decoder.decode(Buffer.concat([kept('a', 'x'.repeat(100)), kept('b', 'y'.repeat(100))]), LIMIT);
  decoder.agree(512);
  t.same(decoder.decode(tableEntry(1), LIMIT), [['a', 'x'.repeat(100)]], 'blocks that crossed the SETTINGS are read');
  t.same(decoder.decode(Buffer.concat([Buffer.from('3fe103', 'hex'), tableEntry(0)]), LIMIT), [['b', 'y'.repeat(100)]]);
  decoder.decode(kept('authorization', 'z'.repeat(126)), LIMIT);
  t.equal(tableOf(decoder).length, 3);
  decoder.decode(Buffer.concat([kept('c', 'z'.repeat(120)), kept('d', 'z'.repeat(120))]), LIMIT);
  const bytes = sizeOf(tableOf(decoder));
  t.ok(bytes <= 512, `${bytes} octets`);
  t.throws(() => decoder.decode(Buffer.from('3fe203', 'hex'), LIMIT), RangeError, '513 octets');
});
