import t from 'tap';
import { UnaryAnswer } from '../../../src/net/grpc/client/unary-answer.js';
import type { CallFailure } from '../../../src/net/grpc/index.js';
import { grpcMessage } from '../../support/raw-frames.js';
import { sizeOf } from '../../support/used-memory.js';

t.test('an answer is the same in pieces of whatever size, of memory that is used anew', async (t) => {
  const framed = grpcMessage(Buffer.from('message '.repeat(2000)));
  for (const size of [1, 2, 7, 4095, 4096, 4097, 16_384, framed.length]) {
    const answer = new UnaryAnswer();
    answer.takeHead(200, []);
    const memory = Buffer.alloc(size);
    for (let at = 0; at < framed.length; at += size) {
      const length = framed.copy(memory, 0, at, at + size);
      answer.takeBytes(memory, 0, length);
      memory.fill(0xee);
    }
    answer.takeTrailers([['grpc-status', '0']]);
    t.equal(answer.message(0).toString(), 'message '.repeat(2000), `${size} bytes`);
  }
});

t.test('an answer in the smallest of pieces takes no more memory than twice what it brings', async (t) => {
  const one = Buffer.alloc(1);
  const inPieces = () => {
    const answer = new UnaryAnswer();
    for (let count = 0; count < 4 * 1024 * 1024; count += 1) answer.takeBytes(one, 0, 1);
    return answer;
  };
  const sizeMb = (await sizeOf(inPieces)) / 2 ** 20;
  t.ok(sizeMb < 20, `${sizeMb.toFixed(1)} MB`);
  t.throws(() => inPieces().takeBytes(Buffer.alloc(10), 0, 10), { code: 8 });
});

/** What comes of an answer with these fields. */
function failureOf(httpStatus: number, fields: readonly (readonly [string, string])[], resetCode = 0): CallFailure {
  const answer = new UnaryAnswer();
  answer.takeHead(httpStatus, fields);
  try {
    answer.message(resetCode);
  } catch (failure) {
    return failure as CallFailure;
  }
  throw new Error('it is an answer');
}

t.test('an answer that is announced as too large is not waited for', async (t) => {
  const answer = new UnaryAnswer(1000);
  const prefix = Buffer.from('00000003e8', 'hex');
  answer.takeBytes(prefix, 0, 5);
  t.throws(() => new UnaryAnswer(999).takeBytes(prefix, 0, 5), { code: 8, fault: 'answer-unusable' });
  const slow = new UnaryAnswer(999);
  slow.takeBytes(prefix, 0, 4);
  t.throws(() => slow.takeBytes(prefix, 4, 5), { code: 8, fault: 'answer-unusable' });
  t.throws(() => answer.takeBytes(Buffer.alloc(1001), 0, 1001), { code: 8, fault: 'answer-unusable' });
});

t.test('what can never be an answer is told from what may be one later', async (t) => {
  const html = ['content-type', 'text/html'] as const;
  for (const [status, fields, reset] of [
    [200, [html], 0],
    [400, [html], 0],
    [404, [], 0],
    [418, [], 0],
    [200, [], 0],
  ] as const) {
    t.equal(failureOf(status, fields, reset).fault, 'answer-unusable', `${status} ${fields}`);
  }
  for (const [status, fields, reset] of [
    [503, [html], 0],
    [401, [], 0],
    [200, [['grpc-status', '14']], 0],
    [200, [], 2],
  ] as const) {
    t.equal(failureOf(status, fields, reset).fault, undefined, `${status} ${fields}`);
  }
});

t.test('a text from the network is short and says nothing to a terminal', async (t) => {
  const say = (text: string) =>
    failureOf(200, [
      ['grpc-status', '3'],
      ['grpc-message', text],
    ]).details;
  t.equal(say('a%1B%5B2Jb%0Ac%C2%9Bd%E2%80%AEe'), 'a [2Jb c d e');
  t.equal(say('100 %'), '100 %', 'as it came, when it is not escaped');
  t.equal(say('n%C3%A4h'), 'näh');
  t.equal(say('x'.repeat(60_000)).length, 1024);
  t.ok(say('%C3%A4'.repeat(10_000)).length <= 1024);
  t.match(failureOf(200, [['content-type', `text/\u0085${'x'.repeat(60_000)}`]]).details, /of type text\/ x{900}/);
});

t.test('what a peer wants of the next try goes with its status', async (t) => {
  t.equal(
    failureOf(200, [
      ['grpc-status', '8'],
      ['grpc-retry-pushback-ms', '70'],
    ]).retryAfterMs,
    70,
  );
  t.equal(failureOf(503, [['retry-after', '2']]).retryAfterMs, 2000);
  t.equal(failureOf(200, [['grpc-status', '8']]).retryAfterMs, undefined);
});
