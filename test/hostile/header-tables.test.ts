import t from 'tap';
import { encodeHeaders, Frame, Http2ErrorCode } from '../../src/net/http2/index.js';
import { MemoryClient } from '../net/http2/asked.js';
import { codeOf } from '../support/raw-frames.js';

/** `:method: POST`, `:scheme: https`, `:path: /x`: a request that would be good. */
const HEAD = Buffer.from('838704022f78', 'hex');

/** `a` with an empty value, into the table. (RFC 7541 §6.2.1) */
const INSERTION = Buffer.from('40016100', 'hex');

/** Blocks that insert 20 000 entries each: 80 kB. What servers make of them is in weighed-floods.test.ts. */
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
