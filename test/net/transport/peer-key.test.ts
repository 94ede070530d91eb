import t from 'tap';
import { peerKey } from '../../../src/net/transport/index.js';

t.test('a peer is known by its process or its address, where the system tells', async (t) => {
  const key = (text: string) => peerKey(undefined, text);
  t.equal(peerKey({ uid: 1, gid: 1, pid: 7 }, undefined), 'process 1 7');
  t.equal(peerKey({ uid: 1, gid: 1, pid: 0 }, undefined), undefined, 'any process of another pid namespace');
  t.equal(peerKey(undefined, undefined), undefined);
  t.equal(key('10.0.0.1'), 'address 10.0.0.1');
  t.equal(key('::ffff:10.0.0.1'), key('10.0.0.1'));
  t.equal(key('2001:db8:0:1::5'), key('2001:db8:0:1:ffff:1:2:3'), 'a host has 64 bits to itself');
  t.not(key('2001:db8:0:1::5'), key('2001:db8:0:2::5'));
  t.equal(key('fe80::1%eth0'), key('fe80::2'));
  t.equal(key('::1'), 'address 0:0:0:0::/64');
});
