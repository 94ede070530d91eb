import t from 'tap';
import { isStrictDer, readDer } from '../../../src/pki/x509/index.js';

const isStrict = (hex: string): boolean => {
  const element = readDer(Buffer.from(hex, 'hex'));
  return element !== undefined && isStrictDer(element);
};

/** A SEQUENCE around `hex`, which has less than 126 octets. */
const within = (hex: string): string => `30${(hex.length / 2).toString(16).padStart(2, '0')}${hex}`;

const cases = [
  { name: 'an integer', hex: '02012a', want: true },
  { name: 'a set in a sequence', hex: '3005310302012a', want: true },
  { name: 'an explicit tag', hex: 'a00302012a', want: true },
  { name: 'a primitive context tag', hex: '860178', want: true },
  { name: 'a time in whole seconds', hex: `180f${Buffer.from('20301201000000Z').toString('hex')}`, want: true },
  { name: 'a time with a fraction', hex: `1811${Buffer.from('20301201000000.5Z').toString('hex')}`, want: false },
  { name: 'a length that is not in shortest form', hex: '0281012a', want: false },
  { name: 'an indefinite length', hex: '308002012a0000', want: false },
  { name: 'a tag number of several octets', hex: '1f810100', want: false },
  { name: 'an octet behind the end', hex: '02012a00', want: false },
  { name: 'an end beyond the whole', hex: '02022a', want: false },
  { name: 'a constructed string', hex: '2403040100', want: false },
  { name: 'a SEQUENCE without the constructed bit', hex: '1003020100', want: false },
  { name: 'an end of contents', hex: '0000', want: false },
  { name: 'nine unused bits', hex: '03020900', want: false },
  { name: 'an OID that does not end', hex: '0602558f', want: false },
  { name: 'half a character of a BMPString', hex: '1e0161', want: false },
] as const;

for (const { name, hex, want } of cases) {
  t.test(`${name} is ${want ? '' : 'not '}strict DER, at the top and within`, async (t) => {
    t.equal(isStrict(hex), want);
    t.equal(isStrict(within(hex)), want);
  });
}

t.test('neither depth nor number of elements is without bound', async (t) => {
  const nested = (depth: number): string => Array.from({ length: depth }).reduce((hex: string) => within(hex), '0500');
  t.ok(isStrict(nested(16)));
  t.notOk(isStrict(nested(17)));
  const nulls = (count: number): string => `3082${(2 * count).toString(16).padStart(4, '0')}${'0500'.repeat(count)}`;
  t.ok(isStrict(nulls(1999)));
  t.notOk(isStrict(nulls(2000)));
});
