import t from 'tap';
import { UnaryAnswer } from '../../src/rpc/unary-answer.js';
import { grpcMessage } from '../support/raw-frames.js';

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
  const answer = new UnaryAnswer();
  const one = Buffer.alloc(1);
  globalThis.gc?.();
  const before = process.memoryUsage();
  for (let count = 0; count < 4 * 1024 * 1024; count += 1) answer.takeBytes(one, 0, 1);
  globalThis.gc?.();
  const after = process.memoryUsage();
  const grownMb = (after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers) / 2 ** 20;
  t.ok(grownMb < 20, `${grownMb.toFixed(1)} MB`);
  t.throws(() => answer.takeBytes(Buffer.alloc(10), 0, 10), { code: 8 });
});
