import t from 'tap';
import { isUtf16, skipByteOrderMark } from '../../src/text/index.js';

t.test('the byte order mark of UTF-8 is skipped, and nothing else', async (t) => {
  t.equal(skipByteOrderMark(Buffer.from('\ufeffabc')).toString(), 'abc');
  for (const text of ['', 'a', 'abc', 'xyz\ufeff']) t.equal(skipByteOrderMark(Buffer.from(text)).toString(), text);
});

const texts = [
  { name: 'UTF-16 with its mark', bytes: Buffer.from('\ufeffab', 'utf16le'), isIt: true },
  { name: 'the other order', bytes: Buffer.from('\ufeffab', 'utf16le').swap16(), isIt: true },
  { name: 'no mark', bytes: Buffer.from('{"a":1}', 'utf16le'), isIt: true },
  { name: 'no mark and an odd length, cut short', bytes: Buffer.from('abcd', 'utf16le').subarray(0, 7), isIt: true },
  { name: 'no mark, the other order', bytes: Buffer.from('abcd', 'utf16le').swap16(), isIt: true },
  { name: 'nothing', bytes: Buffer.alloc(0), isIt: false },
  { name: 'one octet', bytes: Buffer.from('a'), isIt: false },
  { name: 'ASCII', bytes: Buffer.from('abcd'), isIt: false },
  { name: 'zeros', bytes: Buffer.alloc(64), isIt: false },
  { name: 'DER', bytes: Buffer.from('3082010a02820101', 'hex'), isIt: false },
];
for (const { name, bytes, isIt } of texts) {
  t.test(`UTF-16 or not: ${name}`, async (t) => t.equal(isUtf16(bytes), isIt));
}
