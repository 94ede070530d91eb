import { setImmediate as nextTurn } from 'node:timers/promises';
import t from 'tap';
import { encodeHeaders, Frame, Http2ErrorCode } from '../../src/net/http2/index.js';
import { MemoryClient } from '../net/http2/asked.js';
import { codeOf } from '../support/raw-frames.js';
import { usedMemoryMb } from '../support/used-memory.js';
import { FLOODED } from './flooded.js';
import { PingWatch } from './ping-watch.js';

/** `:method: POST`, `:scheme: https`, `:path: /x`: a request that would be good. */
const HEAD = Buffer.from('838704022f78', 'hex');

/** `a` with an empty value, into the table. (RFC 7541 §6.2.1) */
const INSERTION = Buffer.from('40016100', 'hex');

/** Blocks that insert 20 000 entries each: 80 kB. */
const blocks = [
  {
    name: 'a size of the table whose integer has 160 octets of zeros',
    // Added up without a bound, 0 times 128^160 is NaN: above no limit, and no sum is above it.
    block: Buffer.concat([Buffer.from(`3f${'80'.repeat(160)}00`, 'hex'), HEAD, ...Array(20_000).fill(INSERTION)]),
  },
  {
    name: 'the largest table that is allowed',
    block: Buffer.concat([Buffer.from('3fe11f', 'hex'), HEAD, ...Array(20_000).fill(INSERTION)]),
  },
];

for (const { name: who, serve } of FLOODED) {
  for (const { name, block } of blocks) {
    t.test(
      `${who}: 12 header blocks with 20 000 insertions each, and ${name}, keep no other peer waiting`,
      async (t) => {
        const served = await serve(t);
        const flooder = await served.peer();
        const pings = await PingWatch.start(served);
        const beforeMb = usedMemoryMb();
        for (let count = 0; count < 12 && !flooder.isClosed; count += 1) {
          flooder.send(encodeHeaders(1 + 2 * count, block, 16_384, true));
          await nextTurn();
        }
        t.equal(await flooder.ended(), Http2ErrorCode.compressionError, 'with the first of them');
        const newcomer = await served.peer();
        await newcomer.ping();
        await pings.wasNeverKeptWaiting(t);
        const grownMb = usedMemoryMb() - beforeMb;
        t.ok(grownMb < 20, `heap grew by ${grownMb.toFixed(1)} MB`);
      },
    );
  }
}

for (const { name, block } of blocks) {
  t.test(`an agent: an answer of its CA with ${name} takes no more memory or time than it has octets`, async (t) => {
    const client = MemoryClient.greeted();
    client.ask(1);
    // The request's own fields mean nothing in an answer: it fails, by itself or with its connection.
    client.feed(encodeHeaders(1, block, 16_384));
    const [first] = (await client.takeFrames()).filter(
      ({ type }) => type === Frame.goAway || type === Frame.resetStream,
    );
    t.ok(first);
    t.equal(first === undefined ? undefined : codeOf(first), Http2ErrorCode.compressionError);
  });
}
