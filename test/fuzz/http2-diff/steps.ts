import { encodeFrame, encodeHeaderBlock, Flag, Frame, type HeaderField } from '../../../src/net/http2/index.js';
import { below, oneOf, type Random, randomBytes } from '../../hostile/conversations.js';
import { hostileBlock } from '../hpack.js';

/** What a peer sends last: one thing that may be wrong, or frames that belong together. */
export interface Step {
  /** `TYPE, variant, state of its stream`. */
  readonly label: string;
  readonly bytes: Buffer;
}

interface Variant {
  readonly type: string;
  readonly name: string;
  readonly frame: (random: Random, streamId: number) => Buffer;
}

/** Which half the peer is: what it may say depends on that. */
export type Peer = 'client' | 'server';

const NOTHING = Buffer.alloc(0);

const frame =
  (type: number, flags: number, payload: (random: Random, streamId: number) => Buffer = () => NOTHING) =>
  (random: Random, streamId: number) =>
    encodeFrame(type, flags, streamId, payload(random, streamId));

const octets = (count: number) => (random: Random) =>
  Buffer.from(Array.from({ length: count }, () => below(random, 256)));

const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
};

const setting = (id: number, value: number): Buffer => Buffer.concat([Buffer.of(id >>> 8, id), uint32(value)]);

const HEADS: Readonly<Record<Peer, readonly HeaderField[]>> = {
  client: [
    [':method', 'POST'],
    [':scheme', 'http'],
    [':authority', 'x'],
    [':path', '/open'],
  ],
  server: [[':status', '200']],
};

/** What may be wrong of a header list, behind what a good one begins with. (RFC 9113 §8.2, §8.3) */
const BAD_FIELDS: readonly { readonly name: string; readonly fields: readonly HeaderField[] }[] = [
  { name: 'a name in capitals', fields: [['Bad', 'x']] },
  { name: 'an empty name', fields: [['', 'x']] },
  { name: 'a space in a name', fields: [['a b', 'x']] },
  { name: 'a zero in a value', fields: [['a', 'x\0y']] },
  { name: 'a break in a value', fields: [['a', 'x\r\ny']] },
  { name: 'a space before a value', fields: [['a', ' x']] },
  { name: 'connection', fields: [['connection', 'close']] },
  { name: 'transfer-encoding', fields: [['transfer-encoding', 'chunked']] },
  { name: 'te: trailers', fields: [['te', 'trailers']] },
  { name: 'te: gzip', fields: [['te', 'gzip']] },
  { name: 'content-length: x', fields: [['content-length', 'x']] },
  { name: 'content-length: 0', fields: [['content-length', '0']] },
  {
    name: 'content-length twice',
    fields: [
      ['content-length', '0'],
      ['content-length', '1'],
    ],
  },
  { name: 'content-length: 5', fields: [['content-length', '5']] },
  { name: 'content-length: 1e3', fields: [['content-length', '1e3']] },
  { name: 'content-length: -1', fields: [['content-length', '-1']] },
  { name: 'content-length: 99999999999999999999', fields: [['content-length', '99999999999999999999']] },
  {
    name: 'a pseudo-header field behind others',
    fields: [
      ['a', 'b'],
      [':path', '/'],
    ],
  },
  { name: 'an unknown pseudo-header field', fields: [[':x', 'y']] },
];

function headerVariants(peer: Peer): Variant[] {
  const good = encodeHeaderBlock(HEADS[peer]);
  const type = 'HEADERS';
  const whole = Flag.endHeaders;
  const last = whole | Flag.endStream;
  const of = (name: string, flags: number, block: (random: Random, streamId: number) => Buffer): Variant => ({
    ...{ type, name },
    frame: frame(Frame.headers, flags, block),
  });
  const priority = (dependsOn: (id: number) => number, block: Buffer) => (_random: Random, id: number) =>
    Buffer.concat([uint32(dependsOn(id)), Buffer.of(1), block]);
  return [
    of('a head', whole, () => good),
    of('a head and the end', last, () => good),
    of('an empty list', whole, () => NOTHING),
    of('an empty list and the end', last, () => NOTHING),
    of('trailers', last, () => encodeHeaderBlock([['a', 'b']])),
    of('trailers without the end', whole, () => encodeHeaderBlock([['a', 'b']])),
    of('a head twice', whole, () => Buffer.concat([good, good])),
    of('a head, padded', whole | Flag.padded, () => Buffer.concat([Buffer.of(3), good, Buffer.alloc(3)])),
    of('more padding than frame', whole | Flag.padded, () => Buffer.concat([Buffer.of(200), good])),
    of('padded, and empty', whole | Flag.padded, () => NOTHING),
    of(
      'a priority',
      whole | Flag.priority,
      priority(() => 0, good),
    ),
    of(
      'a priority on itself',
      whole | Flag.priority,
      priority((id) => id, good),
    ),
    of('half a priority', whole | Flag.priority, () => Buffer.of(0, 0)),
    of('a block that does not parse', whole, () => Buffer.of(0xff)),
    of('an index of no table', whole, () => Buffer.concat([good, Buffer.of(0xff, 0x7f)])),
    of('some block', whole, (random) => hostileBlock(random).subarray(0, 16_384)),
    of('a head and some block', last, (random) => Buffer.concat([good, hostileBlock(random)]).subarray(0, 16_384)),
    ...BAD_FIELDS.map(({ name, fields }) => of(name, last, () => encodeHeaderBlock([...HEADS[peer], ...fields]))),
    ...HEADS[peer].map(([name]) =>
      of(`without ${name}`, last, () => encodeHeaderBlock(HEADS[peer].filter(([other]) => other !== name))),
    ),
    ...(peer === 'server'
      ? ['99', '0200', '100', '103', '204', '304', '600', 'x', ''].map((status) =>
          of(`:status ${status}`, whole, () => encodeHeaderBlock([[':status', status]])),
        )
      : ['', '*', 'a'].map((path) =>
          of(`:path ${path}`, last, () =>
            encodeHeaderBlock(HEADS.client.map(([name, value]) => [name, name === ':path' ? path : value] as const)),
          ),
        )),
    ...[1, 3, good.length].map(
      (at): Variant => ({
        ...{ type, name: `a head cut at ${at === good.length ? 'its end' : at}` },
        frame: (_random, id) =>
          Buffer.concat([
            encodeFrame(Frame.headers, 0, id, good.subarray(0, at)),
            encodeFrame(Frame.continuation, Flag.endHeaders, id, good.subarray(at)),
          ]),
      }),
    ),
    { type, name: 'a head without its end', frame: frame(Frame.headers, 0, () => good) },
    {
      ...{ type, name: 'a head that goes on on another stream' },
      frame: (_random, id) =>
        Buffer.concat([
          encodeFrame(Frame.headers, 0, id, good.subarray(0, 1)),
          encodeFrame(Frame.continuation, Flag.endHeaders, id + 2, good.subarray(1)),
        ]),
    },
  ];
}

const VARIANTS: readonly Variant[] = [
  { type: 'DATA', name: 'empty', frame: frame(Frame.data, 0) },
  { type: 'DATA', name: 'some', frame: frame(Frame.data, 0, octets(10)) },
  { type: 'DATA', name: 'empty and the end', frame: frame(Frame.data, Flag.endStream) },
  { type: 'DATA', name: 'some and the end', frame: frame(Frame.data, Flag.endStream, octets(10)) },
  { type: 'DATA', name: 'the longest', frame: frame(Frame.data, 0, () => Buffer.alloc(16_384)) },
  { type: 'DATA', name: 'one above the longest', frame: frame(Frame.data, 0, () => Buffer.alloc(16_385)) },
  { type: 'DATA', name: 'padded', frame: frame(Frame.data, Flag.padded, () => Buffer.of(2, 1, 0, 0)) },
  { type: 'DATA', name: 'all padding', frame: frame(Frame.data, Flag.padded, () => Buffer.of(2, 0, 0)) },
  { type: 'DATA', name: 'more padding than frame', frame: frame(Frame.data, Flag.padded, () => Buffer.of(3, 0, 0)) },
  { type: 'DATA', name: 'padded, and empty', frame: frame(Frame.data, Flag.padded) },
  { type: 'PRIORITY', name: 'right', frame: frame(Frame.priority, 0, () => Buffer.of(0, 0, 0, 0, 1)) },
  { type: 'PRIORITY', name: 'four octets', frame: frame(Frame.priority, 0, octets(4)) },
  {
    type: 'PRIORITY',
    name: 'on itself',
    frame: frame(Frame.priority, 0, (_random, id) => Buffer.concat([uint32(id), Buffer.of(1)])),
  },
  { type: 'RST_STREAM', name: 'right', frame: frame(Frame.resetStream, 0, (random) => uint32(below(random, 20))) },
  { type: 'RST_STREAM', name: 'three octets', frame: frame(Frame.resetStream, 0, octets(3)) },
  { type: 'RST_STREAM', name: 'five octets', frame: frame(Frame.resetStream, 0, octets(5)) },
  { type: 'SETTINGS', name: 'empty', frame: frame(Frame.settings, 0) },
  { type: 'SETTINGS', name: 'an ACK', frame: frame(Frame.settings, Flag.ack) },
  { type: 'SETTINGS', name: 'an ACK with settings', frame: frame(Frame.settings, Flag.ack, () => setting(3, 100)) },
  { type: 'SETTINGS', name: 'five octets', frame: frame(Frame.settings, 0, octets(5)) },
  {
    type: 'SETTINGS',
    name: 'unknown',
    frame: frame(Frame.settings, 0, (random) => setting(0x100 + below(random, 1000), below(random, 2 ** 31))),
  },
  ...[0, 1, 2].map(
    (value): Variant => ({
      type: 'SETTINGS',
      name: `ENABLE_PUSH ${value}`,
      frame: frame(Frame.settings, 0, () => setting(2, value)),
    }),
  ),
  ...[0, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1].map(
    (value): Variant => ({
      type: 'SETTINGS',
      name: `INITIAL_WINDOW_SIZE ${value}`,
      frame: frame(Frame.settings, 0, () => setting(4, value)),
    }),
  ),
  ...[0, 16_383, 16_384, 2 ** 24 - 1, 2 ** 24].map(
    (value): Variant => ({
      type: 'SETTINGS',
      name: `MAX_FRAME_SIZE ${value}`,
      frame: frame(Frame.settings, 0, () => setting(5, value)),
    }),
  ),
  {
    type: 'SETTINGS',
    name: 'any',
    frame: frame(Frame.settings, 0, (random) => setting(oneOf(random, [1, 3, 6]), below(random, 2 ** 32))),
  },
  {
    type: 'PUSH_PROMISE',
    name: 'right',
    frame: frame(Frame.pushPromise, Flag.endHeaders, () => Buffer.concat([uint32(2), Buffer.of(0x82, 0x84, 0x86)])),
  },
  { type: 'PUSH_PROMISE', name: 'empty', frame: frame(Frame.pushPromise, Flag.endHeaders) },
  { type: 'PING', name: 'right', frame: frame(Frame.ping, 0, octets(8)) },
  { type: 'PING', name: 'an ACK', frame: frame(Frame.ping, Flag.ack, octets(8)) },
  { type: 'PING', name: 'seven octets', frame: frame(Frame.ping, 0, octets(7)) },
  { type: 'PING', name: 'nine octets', frame: frame(Frame.ping, 0, octets(9)) },
  {
    type: 'GOAWAY',
    name: 'right',
    frame: frame(Frame.goAway, 0, () => Buffer.concat([uint32(2 ** 31 - 1), uint32(0)])),
  },
  { type: 'GOAWAY', name: 'seven octets', frame: frame(Frame.goAway, 0, octets(7)) },
  ...[0, 1, 1000, 2 ** 31 - 1, 2 ** 31 + 5].map(
    (value): Variant => ({
      type: 'WINDOW_UPDATE',
      name: `of ${value}`,
      frame: frame(Frame.windowUpdate, 0, () => uint32(value)),
    }),
  ),
  { type: 'WINDOW_UPDATE', name: 'three octets', frame: frame(Frame.windowUpdate, 0, octets(3)) },
  { type: 'WINDOW_UPDATE', name: 'five octets', frame: frame(Frame.windowUpdate, 0, octets(5)) },
  { type: 'CONTINUATION', name: 'alone', frame: frame(Frame.continuation, Flag.endHeaders, octets(3)) },
  {
    type: 'unknown',
    name: 'some',
    frame: (random, id) => encodeFrame(0x20 + below(random, 0xe0), below(random, 256), id, randomBytes(random, 30)),
  },
];

const ALL: Readonly<Record<Peer, readonly Variant[]>> = {
  client: [...VARIANTS, ...headerVariants('client')],
  server: [...VARIANTS, ...headerVariants('server')],
};

/** Some step of a peer, on a stream in some state. `streams` are those of the conversation. */
export function hostileStep(random: Random, peer: Peer, streams: Readonly<Record<string, number>>): Step {
  const variants = ALL[peer];
  // Half of them are of HEADERS, which there are most ways to get wrong of.
  const { type, name, frame: make } = oneOf(random, variants);
  const [state, streamId] = oneOf(random, random() < 0.5 ? statesFor(type, streams) : Object.entries(streams));
  return { label: `${type}, ${name}, ${state}`, bytes: make(random, streamId) };
}

const OF_CONNECTION = ['SETTINGS', 'PING', 'GOAWAY'];
const BEGINNINGS = ['idle', 'without an answer'];

/** Where a frame of this type belongs, so that not nearly all of them are errors for being elsewhere. */
function statesFor(type: string, streams: Readonly<Record<string, number>>): [string, number][] {
  const all = Object.entries(streams);
  if (OF_CONNECTION.includes(type)) return all.filter(([state]) => state === 'connection');
  return type === 'HEADERS' ? all.filter(([state]) => BEGINNINGS.includes(state)) : all;
}
