import t from 'tap';
import { addressOrder } from '../../../src/net/transport/dial/address-order.js';
import { readPeer } from '../../../src/net/transport/dial/peer.js';

const peers = [
  { address: 'ca.test:15012', want: ['ca.test', 'ca.test', 'ca.test', 'ca.test:15012'] },
  { address: 'ca.test.:15012', want: ['ca.test.', 'ca.test', 'ca.test', 'ca.test:15012'] },
  { address: '10.0.0.1:15012', want: ['10.0.0.1', '10.0.0.1', undefined, '10.0.0.1:15012'] },
  { address: '[2001:db8::1]:15012', want: ['2001:db8::1', '2001:db8::1', undefined, '[2001:db8::1]:15012'] },
  { address: '[fe80::1%eth0]:15012', want: ['fe80::1%eth0', 'fe80::1', undefined, '[fe80::1]:15012'] },
  { address: '10.0.0.1:15012', serverName: 'ca.test.', want: ['10.0.0.1', 'ca.test', 'ca.test', 'ca.test'] },
  { address: 'ca.test.:15012', serverName: '10.0.0.1', want: ['ca.test.', '10.0.0.1', undefined, '10.0.0.1'] },
] as const;
for (const { want, ...target } of peers) {
  t.test(`${target.address}${'serverName' in target ? ` as ${target.serverName}` : ''}`, async (t) => {
    const { host, port, certificateName, serverName, authority } = readPeer(target);
    t.same([host, certificateName, serverName, authority], want);
    t.equal(port, 15_012);
  });
}

const v4 = (...addresses: string[]) => addresses.map((address) => ({ address, family: 4 }));
const v6 = (...addresses: string[]) => addresses.map((address) => ({ address, family: 6 }));

const orders = [
  { name: 'one family stays as it is', found: v4('a', 'b', 'c'), want: 'abc' },
  {
    name: 'families take turns, that of the best address first',
    found: [...v6('a', 'b', 'c'), ...v4('x')],
    want: 'axbc',
  },
  { name: 'the longer family has the rest', found: [...v4('x'), ...v6('a', 'b', 'c')], want: 'xabc' },
  { name: 'an address that comes twice is tried once', found: v4('a', 'a', 'b', 'a'), want: 'ab' },
  { name: 'no address is none', found: [], want: '' },
];
for (const { name, found, want } of orders) {
  t.test(name, async (t) => {
    t.equal(addressOrder(found).join(''), want);
  });
}

t.test('of a crowd of addresses sixteen are tried, of both families', async (t) => {
  const crowd = (family: number) =>
    Array.from({ length: 1000 }, (_, index) => ({ address: `${family}-${index}`, family }));
  const order = addressOrder([...crowd(6), ...crowd(4)]);
  t.equal(order.length, 16);
  t.equal(order.filter((address) => address.startsWith('4-')).length, 8);
});
