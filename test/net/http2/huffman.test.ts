import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, constants } from 'node:http2';
import { createServer } from 'node:net';
import t from 'tap';
import { decodeHuffman } from '../../../src/net/http2/framing/huffman.js';
import { seededRandom } from '../../support/prng.js';

/** What nghttp2 makes of `value`, which it codes when that is shorter: the octets of its string in a header block. */
async function codedByNghttp2(value: string): Promise<Buffer> {
  const taken: Buffer[] = [];
  const server = createServer((socket) => socket.on('data', (bytes) => taken.push(bytes)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const client = connect(`http://127.0.0.1:${address.port}`);
  client.on('error', () => {});
  const name = createHash('sha256').update(value, 'latin1').digest('hex').slice(0, 7);
  client.request({ [constants.HTTP2_HEADER_PATH]: '/', [`x${name}`]: value }).on('error', () => {});
  // The name is a literal, Huffman-coded or not, right before the value; the value is the last field.
  let block: Buffer | undefined;
  while (block === undefined) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    block = headersIn(Buffer.concat(taken));
  }
  client.destroy();
  server.close();
  return lastString(block, value.length);
}

const PREFACE_BYTES = 24;
const HEADERS = 1;

function headersIn(bytes: Buffer): Buffer | undefined {
  for (let at = PREFACE_BYTES; at + 9 <= bytes.length; ) {
    const length = bytes.readUIntBE(at, 3);
    if (at + 9 + length > bytes.length) return undefined;
    if (bytes[at + 3] === HEADERS) return bytes.subarray(at + 9, at + 9 + length);
    at += 9 + length;
  }
  return undefined;
}

/** The string that the block ends with: its length is found by the only place from which it leads to the end. */
function lastString(block: Buffer, valueBytes: number): Buffer {
  for (let length = Math.floor(valueBytes / 4); length <= valueBytes; length += 1) {
    const at = block.length - length;
    const prefix = length < 127 ? [0x80 | length] : [0xff, ...integerRest(length - 127)];
    if (block.subarray(at - prefix.length, at).equals(Buffer.from(prefix))) return block.subarray(at);
  }
  throw new Error('no Huffman-coded string at the end of the block');
}

function integerRest(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...integerRest(value >>> 7)];
}

t.test('what nghttp2 codes is read as it was', async (t) => {
  const random = seededRandom(7);
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_./:=+ ';
  for (const length of [20, 21, 22, 23, 24, 25, 26, 27, 300, 1300]) {
    const text = Array.from({ length }, () => alphabet[Math.floor(random() * (alphabet.length - 1))]).join('');
    t.equal(decodeHuffman(await codedByNghttp2(text)), text);
  }
});

// RFC 7541 Appendix C.4 and C.6.
const EXAMPLES = [
  { hex: 'f1e3c2e5f23a6ba0ab90f4ff', text: 'www.example.com' },
  { hex: 'a8eb10649cbf', text: 'no-cache' },
  { hex: 'd07abe941054d444a8200595040b8166e082a62d1bff', text: 'Mon, 21 Oct 2013 20:13:21 GMT' },
  { hex: '9d29ad171863c78f0b97c8e9ae82ae43d3', text: 'https://www.example.com' },
  {
    hex: '94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007',
    text: 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
  },
  { hex: '', text: '' },
];

for (const { hex, text } of EXAMPLES) {
  t.test(`the code of ${JSON.stringify(text)} is read`, async (t) => {
    t.equal(decodeHuffman(Buffer.from(hex, 'hex')), text);
  });
}

// RFC 7541 §5.2.
const WRONG = [
  { name: 'padding of a whole octet', hex: 'f1e3c2e5f23a6ba0ab90f4ffff' },
  { name: 'padding of zeros', hex: 'a8eb10649cb8' },
  { name: 'the end of string inside', hex: 'fffffffff0' },
];

for (const { name, hex } of WRONG) {
  t.test(`${name} is refused`, async (t) => {
    t.throws(() => decodeHuffman(Buffer.from(hex, 'hex')), RangeError);
  });
}
