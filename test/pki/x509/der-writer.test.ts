import t from 'tap';
import * as der from '../../../src/pki/x509/der-writer.js';
import { openssl } from '../../hotpath/pki.js';

t.test('elements are spelled as X.690 says', async (t) => {
  const cases = [
    { name: 'zero', got: der.unsignedInteger(Buffer.from([0, 0])), want: '020100' },
    {
      name: 'a number with its high bit set gets a sign octet',
      got: der.unsignedInteger(Buffer.from([0x80])),
      want: '02020080',
    },
    { name: 'leading zeros go', got: der.unsignedInteger(Buffer.from([0, 0, 0x7f])), want: '02017f' },
    { name: 'no octets at all are zero', got: der.unsignedInteger(Buffer.alloc(0)), want: '020100' },
    { name: 'true', got: der.booleanTrue(), want: '0101ff' },
    { name: 'null', got: der.nothing(), want: '0500' },
    {
      name: 'OID with arcs of several octets',
      got: der.objectIdentifier('1.2.840.113549.1.1.11'),
      want: '06092a864886f70d01010b',
    },
    { name: 'bit string with unused bits', got: der.bitString(Buffer.from([0xa0]), 5), want: '030205a0' },
    { name: 'empty printable string', got: der.printableString(''), want: '1300' },
    { name: 'empty sequence', got: der.sequence(), want: '3000' },
    { name: 'context tag, primitive', got: der.contextPrimitive(6, Buffer.from('x')), want: '860178' },
    { name: 'context tag, constructed', got: der.contextConstructed(3, der.nothing()), want: 'a3020500' },
  ];
  for (const { name, got, want } of cases) t.equal(got.toString('hex'), want, name);
});

t.test('lengths take the shortest form', async (t) => {
  const cases = [
    [127, '047f'],
    [128, '048180'],
    [255, '0481ff'],
    [256, '04820100'],
    [65_535, '0482ffff'],
    [65_536, '0483010000'],
  ] as const;
  for (const [length, want] of cases) {
    const written = der.octetString(Buffer.alloc(length));
    t.equal(written.subarray(0, written.length - length).toString('hex'), want, `${length} octets`);
  }
});

t.test('times are UTCTime until 2049 and GeneralizedTime after, in whole seconds', async (t) => {
  const cases = [
    [Date.UTC(2026, 10, 24, 4, 5, 6, 999), 'UTCTIME           :261124040506Z'],
    [Date.UTC(2049, 11, 31, 23, 59, 59), 'UTCTIME           :491231235959Z'],
    [Date.UTC(2050, 0, 1), 'GENERALIZEDTIME   :20500101000000Z'],
    [Date.UTC(1950, 0, 1), 'UTCTIME           :500101000000Z'],
    [Date.UTC(1949, 11, 31), 'GENERALIZEDTIME   :19491231000000Z'],
  ] as const;
  for (const [ms, want] of cases) t.match(openssl(['asn1parse', '-inform', 'DER'], der.time(ms)), want);
});
