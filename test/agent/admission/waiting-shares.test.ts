import t from 'tap';
import { WaitingShares } from '../../../src/agent/admission/waiting-shares.js';

const USER = 1000;
const OTHER = 2000;

/** How many tokens of `bytes` each a connection gets in. */
function admitted(shares: WaitingShares, place: Parameters<WaitingShares['taken']>[0], bytes: number): number {
  for (let count = 0; ; count += 1) {
    try {
      shares.throwIfTaken(place, bytes);
    } catch {
      return count;
    }
    shares.taken(place, bytes);
  }
}

t.test(
  'a long token takes as many places as it has pieces of 4 kB, so that all of them together are bounded',
  async (t) => {
    for (const [bytes, want] of [
      [1500, 500],
      [4096, 500],
      [4097, 250],
      [32 * 1024, 62],
    ] as const) {
      const shares = new WaitingShares(1000);
      const place = { connection: 1, uid: undefined, pid: undefined };
      const count = admitted(shares, place, bytes);
      t.equal(count, want, `${bytes} bytes`);
      for (let index = 0; index < count; index += 1) shares.givenBack(place, bytes);
      shares.throwIfTaken(place, bytes);
    }
  },
);

for (const maxWaiting of [64, 8192]) {
  for (const bytes of [1500, 32 * 1024]) {
    t.test(
      `of ${maxWaiting} places a user with thousands of connections leaves some, by tokens of ${bytes} bytes`,
      async (t) => {
        const shares = new WaitingShares(maxWaiting);
        let taken = 0;
        for (let connection = 1; connection <= 3000; connection += 1) {
          taken += admitted(shares, { connection, uid: USER, pid: 0 }, bytes);
        }
        t.ok(taken > 0);
        const others = [1, 2, 3].map((index) => ({ connection: 5000 + index, uid: OTHER, pid: 0 }));
        for (const place of others) {
          shares.throwIfTaken(place, 1500);
          shares.taken(place, 1500);
        }
        t.pass('a few pods of another user get in');
      },
    );
  }
}
