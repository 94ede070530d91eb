import t from 'tap';
import { WaitingShares } from '../../src/identity/waiting-shares.js';

/** How many tokens of `bytes` each a connection gets in, of 1 000 places. */
function admitted(bytes: number): number {
  const shares = new WaitingShares(1000);
  const place = { connection: 1, uid: undefined, pid: undefined };
  for (let count = 0; ; count += 1) {
    try {
      shares.throwIfTaken(place);
    } catch {
      for (let index = 0; index < count; index += 1) shares.givenBack(place, bytes);
      shares.throwIfTaken(place);
      return count;
    }
    shares.taken(place, bytes);
  }
}

t.test(
  'a long token takes as many places as it has pieces of 4 kB, so that all of them together are bounded',
  async (t) => {
    t.equal(admitted(1500), 500);
    t.equal(admitted(4096), 500);
    t.equal(admitted(4097), 250);
    t.equal(admitted(32 * 1024), 63);
  },
);
