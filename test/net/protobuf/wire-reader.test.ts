import protobuf from 'protobufjs';
import t from 'tap';
import { WireReader } from '../../../src/net/protobuf/index.js';
import { mutated } from '../../hostile/conversations.js';
import { grpcCore } from '../../support/grpc-core.js';
import { officialVerdicts } from '../../support/official-protobuf.js';
import { seededRandom } from '../../support/prng.js';

/** The texts of field 3, in their order; when it is no message `undefined`, after a word to `onRefusal`. */
function readByUs(bytes: Buffer, onRefusal = (_reason: string): void => {}): string[] | undefined {
  const texts: string[] = [];
  const reader = new WireReader(bytes);
  try {
    for (let field = reader.next(); field !== 0; field = reader.next()) {
      if (field === 3) texts.push(reader.value().toString('hex'));
    }
    return texts;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    onRefusal(error.message);
    return undefined;
  }
}

const Texts = protobuf.parse('syntax = "proto3"; message Texts { repeated bytes texts = 3; }').root.lookupType('Texts');

function readByProtobufjs(bytes: Buffer): string[] | undefined {
  try {
    const { texts } = Texts.toObject(Texts.decode(bytes), { bytes: String, arrays: true });
    return texts.map((text: string) => Buffer.from(text, 'base64').toString('hex'));
  } catch {
    return undefined;
  }
}

const nested = (depth: number) => `${'0b'.repeat(depth)}${'0c'.repeat(depth)}`;

interface Case {
  readonly name: string;
  readonly hex: string;
  readonly isRead: boolean;
  /** Where a library is of another opinion than the other one and we. */
  readonly protobufjs?: 'reads it';
  readonly google?: 'reads it';
}

/** Field 3 is `61` before and behind, where it is read. */
const cases: readonly Case[] = [
  { name: 'an empty group', hex: '0b0c', isRead: true },
  { name: 'a group with a field of each type in it', hex: '0b080109010203040506070812016115010203040c', isRead: true },
  { name: 'a group of the field that is read', hex: '1b1a01621c', isRead: true },
  { name: 'groups within groups', hex: '0b13141b1c0b0c0c', isRead: true },
  { name: 'a group of a field of two octets', hex: 'fb07fc07', isRead: true },
  { name: '100 groups within each other', hex: nested(100), isRead: true },
  { name: '101 groups within each other', hex: nested(101), isRead: false, protobufjs: 'reads it' },
  { name: '10 000 groups within each other', hex: nested(10_000), isRead: false },
  { name: 'a group without an end', hex: '0b', isRead: false },
  { name: 'a group whose end names another field', hex: '0b14', isRead: false },
  { name: 'the end of a group that never began', hex: '0c', isRead: false },
  { name: 'an end more than there are groups', hex: '0b0c0c', isRead: false },
  { name: 'a group that a field in it is longer than', hex: '0b1203610c', isRead: false },
  { name: 'field number 0', hex: '0001', isRead: false, google: 'reads it' },
  { name: 'field number 0 in a group', hex: '0b00010c', isRead: false, google: 'reads it' },
  { name: 'a group of field 0', hex: '0304', isRead: false, google: 'reads it' },
  { name: 'wire type 6', hex: '0e', isRead: false },
  { name: 'wire type 7', hex: '0f', isRead: false },
  { name: 'the field that is read, as a varint', hex: '1801', isRead: true },
  { name: 'the field that is read, as 64 bits', hex: '190102030405060708', isRead: true },
  { name: 'the field that is read, as 32 bits', hex: '1d01020304', isRead: true },
  { name: '64 bits of which some are missing', hex: '09010203', isRead: false },
  { name: 'a length of 2^32', hex: '128080808010', isRead: false },
  { name: 'a length of 2^63', hex: '1280808080808080808001', isRead: false },
  { name: 'a length with a superfluous zero', hex: '12818061', isRead: false },
  { name: 'a length of two octets for one', hex: '12810061', isRead: true },
  { name: 'a tag with superfluous zeros', hex: '8880808000' + '01', isRead: true },
  { name: 'a tag of six octets', hex: '888080808000' + '01', isRead: false },
  { name: 'a field number above 2^29', hex: '888080801001', isRead: false },
  { name: 'a varint of ten octets', hex: `08${'ff'.repeat(9)}01`, isRead: true },
  { name: 'a varint of eleven octets', hex: `08${'80'.repeat(10)}01`, isRead: false, protobufjs: 'reads it' },
];

const around = (hex: string) => Buffer.from(`1a0161${hex}${hex.endsWith('0b') ? '' : '1a0161'}`, 'hex');

for (const { name, hex, isRead, protobufjs } of cases) {
  t.test(`${name}: ${isRead ? 'is skipped' : 'is no message'}, as protobuf.js has it`, async (t) => {
    t.same(readByUs(around(hex)), isRead ? ['61', '61'] : undefined);
    t.same(readByProtobufjs(around(hex)), isRead || protobufjs ? ['61', '61'] : undefined);
  });
}

t.test('all of these are judged so by the library of Google, too', { skip: grpcCore().skip }, async (t) => {
  const verdicts = officialVerdicts(cases.map(({ hex }) => around(hex)));
  for (const [index, { name, isRead, google }] of cases.entries()) {
    t.equal(verdicts[index], isRead || google ? 'read' : 'refused', name);
  }
});

/** Fields of all types, with groups in groups, as hexadecimal digits. */
function fields(random: () => number, depth: number): string {
  const below = (limit: number) => Math.floor(random() * limit);
  const bytes = (count: number) =>
    Array.from({ length: count }, () => below(256).toString(16).padStart(2, '0')).join('');
  const tag = (type: number) => (((1 + below(15)) << 3) | type).toString(16).padStart(2, '0');
  let hex = '';
  for (let count = below(4); count > 0; count -= 1) {
    const type = below(depth > 0 ? 6 : 3);
    if (type === 0) hex += `${tag(0)}${bytes(1 + below(3)).replace(/[89a-f](.)/g, '7$1')}`.slice(0, 4);
    else if (type === 1) hex += tag(1) + bytes(8);
    else if (type === 2) hex += `${tag(2)}03${bytes(3)}`;
    else if (type === 3) hex += tag(5) + bytes(4);
    else {
      const start = Number.parseInt(tag(3), 16);
      const end = random() < 0.97 ? start + 1 : Number.parseInt(tag(4), 16);
      hex += start.toString(16).padStart(2, '0') + fields(random, depth - 1) + end.toString(16).padStart(2, '0');
    }
  }
  return hex;
}

t.test('random messages, sound and mutated, are read as both libraries read them', async (t) => {
  const random = seededRandom(5);
  const messages = Array.from({ length: 20_000 }, (_, index) => {
    const bytes = Buffer.from(fields(random, 5), 'hex');
    return index % 2 === 0 || bytes.length === 0 ? bytes : mutated(random, bytes);
  });
  const ours = messages.map((bytes) => readByUs(bytes));
  const refused = ours.filter((texts) => texts === undefined).length;
  t.ok(refused > 2000 && refused < 18_000, `${refused} are refused`);
  const theirs = messages.map(readByProtobufjs);
  const other = messages.filter((_, index) => JSON.stringify(ours[index]) !== JSON.stringify(theirs[index]));
  t.same(
    other.map((bytes) => bytes.toString('hex')),
    [],
  );
});

t.test('and judged as the library of Google judges them', { skip: grpcCore().skip }, async (t) => {
  const random = seededRandom(6);
  const messages = Array.from({ length: 20_000 }, (_, index) => {
    const bytes = Buffer.from(fields(random, 5), 'hex');
    return index % 2 === 0 || bytes.length === 0 ? bytes : mutated(random, bytes);
  });
  const verdicts = officialVerdicts(messages);
  const other = messages.filter((bytes, index) => {
    let isFieldZero = false;
    const texts = readByUs(bytes, (reason) => {
      isFieldZero = reason === 'field number 0';
    });
    return !isFieldZero && (texts === undefined ? 'refused' : 'read') !== verdicts[index];
  });
  t.same(
    other.map((bytes) => bytes.toString('hex')),
    [],
  );
});
