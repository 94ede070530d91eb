import t from 'tap';
import { parseBoundedJson } from '../../src/text/index.js';
import { mutated } from '../hostile/conversations.js';
import { seededRandom } from '../support/prng.js';

const bounds = { maxDepth: 4, maxParts: 12 };
const parse = (text: string) => parseBoundedJson(Buffer.from(text), bounds);

t.test('what is within the bounds is what JSON.parse makes of it', async (t) => {
  for (const text of [
    ...[
      '{}',
      '[]',
      '1',
      '"a"',
      'null',
      '[[[[]]]]',
      '{"a":{"b":[1,2,{"c":3}]}}',
      ' [1, 2]\n',
      '"[[[[[[[["',
      '{"[[[[[":"]]]]"}',
    ],
    ...['"\\"[[[[[[["', '"\\\\"', '["\\\\\\"[[[[["]', '"ä[🚀"', '[",,,,,,,,,,,,,,,,,,,,"]'],
  ]) {
    t.strictSame(parse(text), JSON.parse(text), text);
  }
});

t.test('what is no JSON is a SyntaxError, as of JSON.parse', async (t) => {
  for (const text of ['', '{', '"', '"\\', '[1,]', ']', ']]]][[[[', '{"a"}', 'x', '"a\nb"'])
    t.throws(() => parse(text), SyntaxError, text);
});

t.test('what is beyond the bounds is not parsed', async (t) => {
  for (const text of [
    '[[[[[]]]]]',
    '{"a":[{"b":[{}]}]}',
    `[${'1,'.repeat(12)}1]`,
    '{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7}',
    ']'.repeat(9) + '[,'.repeat(20),
  ]) {
    t.throws(() => parse(text), RangeError, text);
  }
});

t.test('a short text with more brackets than levels is parsed when they do not stand within each other', async (t) => {
  for (const text of ['[[],[],[]]', '"{{{{{"', '[{},[]]']) t.strictSame(parse(text), JSON.parse(text), text);
  for (const text of ['[{"":[{"":{', '[[[[[']) t.throws(() => parse(text), RangeError, text);
});

t.test('a megabyte of brackets is refused at its fifth, as long as it may be', async (t) => {
  let looks = 0;
  const bytes = new Proxy(Buffer.alloc(1_000_000, '['), {
    get(target, name) {
      if (typeof name === 'string' && /^\d+$/.test(name)) looks += 1;
      return Reflect.get(target, name, target);
    },
  });
  t.throws(() => parseBoundedJson(bytes, bounds), RangeError);
  t.equal(looks, 5);
});

t.test('mutated texts are parsed, or refused by one of the two errors, as JSON.parse would have them', async (t) => {
  const random = seededRandom(3);
  const text = Buffer.from('{"a":["b\\"",{"c":null}],"d\\\\":-1.5e3,"é":[true,false,{}]}');
  const wide = { maxDepth: 1000, maxParts: 10_000 };
  const verdict = (read: () => unknown): string => {
    try {
      return JSON.stringify(read());
    } catch (error) {
      return Object(error).name;
    }
  };
  let parsed = 0;
  for (let round = 0; round < 5000; round += 1) {
    const bytes = mutated(random, text);
    const want = verdict(() => JSON.parse(bytes.toString('utf8')));
    const got = verdict(() => parseBoundedJson(bytes, wide));
    if (got !== want) t.equal(got, want, bytes.toString());
    if (want !== 'SyntaxError') parsed += 1;
  }
  t.ok(parsed > 50, `${parsed} are parsed`);
});
