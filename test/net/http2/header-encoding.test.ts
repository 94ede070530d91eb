import t from 'tap';
import { encodeHeaderBlock, HeaderDecoder, type HeaderField } from '../../../src/net/http2/index.js';

const LIMIT = 1024 * 1024;

/** By hand, of RFC 7541 Appendix A and §6. */
const known: readonly { field: HeaderField; hex: string; what: string }[] = [
  { field: [':method', 'POST'], hex: '83', what: 'a field of the static table is its index' },
  { field: [':status', '404'], hex: '8d', what: 'also when its name stands there several times' },
  { field: [':path', '/a'], hex: '04022f61', what: 'another value of a name goes with the index of the name' },
  { field: [':authority', ''], hex: '0100', what: 'an empty value is written' },
  { field: ['content-type', 'a'], hex: '0f100161', what: 'an index above the prefix goes on in the next octet' },
  { field: ['te', 'b'], hex: '000274650162', what: 'another name is written' },
  { field: ['authorization', 'c'], hex: '1f080163', what: 'a token is never to be indexed' },
];
for (const { field, hex, what } of known) {
  t.test(what, async (t) => {
    t.equal(encodeHeaderBlock([field]).toString('hex'), hex);
  });
}

t.test('fields of whatever length are read as they were written, behind those that were made before', async (t) => {
  const before = encodeHeaderBlock([[':method', 'POST']]);
  for (const length of [0, 1, 126, 127, 128, 254, 255, 256, 300, 16_384, 20_000, 70_000]) {
    const fields: HeaderField[] = [
      ['authorization', 'x'.repeat(length)],
      [`n${'n'.repeat(length)}`, 'näh'],
    ];
    t.same(new HeaderDecoder().decode(encodeHeaderBlock(fields, before), LIMIT), [[':method', 'POST'], ...fields]);
  }
});
