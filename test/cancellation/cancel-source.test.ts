import t from 'tap';
import { CancelSource } from '../../src/cancellation/index.js';

t.test('all that were added are cancelled, once, and find the signal cancelled', async (t) => {
  const source = new CancelSource();
  const told: string[] = [];
  const first = { cancel: () => void told.push(`first, cancelled: ${source.isCancelled}`) };
  const deleted = { cancel: () => void told.push('deleted') };
  source.add(first);
  source.add(first);
  source.add(deleted);
  source.add({
    cancel() {
      told.push('last');
      source.cancel();
    },
  });
  source.delete(deleted);
  source.delete({ cancel: () => {} });
  t.notOk(source.isCancelled);
  source.cancel();
  source.cancel();
  t.strictSame(told, ['first, cancelled: true', 'last']);
});

t.test('what is added after the cancellation is cancelled at once', async (t) => {
  const source = new CancelSource();
  source.cancel();
  let cancelled = 0;
  source.add({
    cancel() {
      cancelled += 1;
    },
  });
  t.equal(cancelled, 1);
});

t.test('one that deletes another while it is cancelled keeps that from being cancelled', async (t) => {
  const source = new CancelSource();
  const second = { cancel: () => t.fail('it was deleted') };
  source.add({ cancel: () => source.delete(second) });
  source.add(second);
  source.cancel();
  t.ok(source.isCancelled);
});

t.test('a source that was added to another is cancelled with it, and not the other way round', async (t) => {
  const [whole, part, other] = [new CancelSource(), new CancelSource(), new CancelSource()];
  whole.add(part);
  whole.add(other);
  part.cancel();
  t.strictSame([whole.isCancelled, part.isCancelled, other.isCancelled], [false, true, false]);
  whole.cancel();
  t.ok(other.isCancelled);
});
