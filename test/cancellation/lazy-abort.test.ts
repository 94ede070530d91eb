import t from 'tap';
import { LazyAbort } from '../../src/cancellation/index.js';

t.test('a signal that was asked for before the end hears of it', async (t) => {
  const end = new LazyAbort();
  const { signal } = end;
  t.equal(end.signal, signal);
  t.notOk(signal.aborted || end.isAborted);
  let heard = 0;
  signal.addEventListener('abort', () => {
    heard += 1;
  });
  end.abort();
  end.abort();
  t.ok(signal.aborted && end.isAborted);
  t.equal(heard, 1);
});

t.test('a signal that is asked for after the end is aborted', async (t) => {
  const end = new LazyAbort();
  end.abort();
  t.ok(end.isAborted);
  t.ok(end.signal.aborted);
});
