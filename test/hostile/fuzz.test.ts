import t from 'tap';
import { seededRandom } from '../support/prng.js';
import { SOCKET_WAYS } from '../support/socket-ways.js';
import { below, hostileBytes } from './conversations.js';
import { serveHostile, Victim } from './served.js';

/** The same in memory, more of it: the target `frames` of test/fuzz. */
const SEED = 1;

for (const via of SOCKET_WAYS) {
  t.test(`row 64: via ${via}: conversations with garbage in them over real sockets, beside a victim`, async (t) => {
    const served = await serveHostile(t, { via });
    const victim = await Victim.connect(t, served);
    const random = seededRandom(SEED + 1);
    for (let round = 0; round < 20; round += 1) {
      const peers = await Promise.all(Array.from({ length: 25 }, () => served.peer({ greets: false })));
      for (const peer of peers) {
        const bytes = hostileBytes(random);
        const cut = below(random, bytes.length + 1);
        peer.send(bytes.subarray(0, cut));
        if (random() < 0.2) peer.socket.destroy();
        else peer.send(bytes.subarray(cut));
        if (random() < 0.5) peer.socket.end();
      }
      await victim.rotates();
      for (const peer of peers) peer.socket.destroy();
    }
    while (served.server.connectionCount > 1) await victim.rotates();
    t.equal(served.sds.status().streams, 1);
    t.same(
      served.logger.lines.filter(({ level }) => level === 'error'),
      [],
    );
  });
}
