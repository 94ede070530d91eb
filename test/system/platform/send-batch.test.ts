import t from 'tap';
import { type BatchSender, type CutMessage, SendBatch } from '../../../src/system/platform/send-batch.js';

/** What an addon would send, which takes as many bytes of each message as `taken` says. */
class FakeSystem {
  readonly scratch = Buffer.alloc(64);
  readonly sent: string[] = [];
  calls = 0;
  taken = (whole: number, _slot: number): number => whole;
  readonly batch = new SendBatch(this.scratch, (count, shared) => {
    this.calls += 1;
    for (let index = 0; index < count; index += 1) {
      const [slot = 0, start = 0, before = 0, behind = 0, which = -1] = this.batch.messages.subarray(index * 6);
      const bytes = this.batch.bytes.subarray(start, start + before + behind).toString('latin1');
      const middle = which < 0 ? '' : (shared[which]?.toString('latin1') ?? '');
      this.sent.push(`${slot}:${bytes.slice(0, before)}${middle}${bytes.slice(before)}`);
      this.batch.messages[index * 6 + 5] = this.taken(before + behind + middle.length, slot);
    }
  });

  /** Writes `text` to the scratch and gives its length. */
  write(text: string): number {
    return this.scratch.write(text, 'latin1');
  }
}

class Sender implements BatchSender {
  readonly cuts: string[] = [];
  isBehind = false;

  constructor(readonly slot: number) {}

  cutShort(sent: number, { before, shared, behind, onWritten }: CutMessage): void {
    this.isBehind = true;
    this.cuts.push([sent, before, shared, behind].join(' '));
    onWritten?.();
  }
}

t.test('what a turn posts goes out in one call, in order, before the loop turns', async (t) => {
  const system = new FakeSystem();
  const [one, two] = [new Sender(1), new Sender(2)];
  const shared = Buffer.from('SHARED');
  const tail = Buffer.from('t0');
  let written = 0;
  for (const [index, sender] of [one, two, one].entries()) {
    tail[1] = 0x30 + index;
    system.batch.post(sender, system.write(`head${index}`), shared, tail, () => (written += 1));
  }
  system.batch.post(two, system.write('alone'));
  t.strictSame(system.sent, []);
  await new Promise((resolve) => setImmediate(resolve));
  t.strictSame(system.sent, ['1:head0SHAREDt0', '2:head1SHAREDt1', '1:head2SHAREDt2', '2:alone']);
  t.equal(system.calls, 1);
  t.equal(written, 3);
});

t.test('more than one call takes goes out in several, in order', async (t) => {
  const system = new FakeSystem();
  const sender = new Sender(7);
  for (let index = 0; index < 600; index += 1) system.batch.post(sender, system.write(`${index}`));
  system.batch.flush();
  t.strictSame(
    system.sent,
    Array.from({ length: 600 }, (_, index) => `7:${index}`),
  );
  t.equal(system.calls, 3);
  // Larger than the memory that messages have for what they do not share.
  const large = Buffer.alloc(100_000, 'x');
  let written = 0;
  system.batch.post(sender, system.write('head'), Buffer.from('middle'), large, () => (written += 1));
  large.fill('y');
  system.batch.flush();
  t.equal(system.sent.slice(600).join('').replaceAll('7:', ''), `headmiddle${'x'.repeat(100_000)}`);
  t.equal(written, 1);
});

t.test('whose message was not taken whole is told what of it there is, once', async (t) => {
  const system = new FakeSystem();
  const [slow, broken, good] = [new Sender(1), new Sender(2), new Sender(3)];
  let written = 0;
  const post = (sender: Sender) =>
    system.batch.post(sender, system.write('head'), Buffer.from('shared'), Buffer.from('tail'), () => (written += 1));
  system.taken = (whole, slot) => [0, 6, -32, whole][slot] ?? 0;
  for (const sender of [slow, broken, good]) post(sender);
  system.batch.flush();
  t.strictSame([slow.cuts, broken.cuts, good.cuts], [['6 head shared tail'], ['-32 head shared tail'], []]);
  t.equal(written, 3);
  // What comes later has to wait behind that, also when it comes within the turn.
  post(slow);
  t.equal(slow.cuts[1], '0 head shared tail');
  system.batch.flush();
  t.equal(system.calls, 1, 'nothing is left');
});
