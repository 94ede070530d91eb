import t from 'tap';
import { Departure } from '../../src/cancellation/index.js';

t.test('the listener of that time is told, once', async (t) => {
  const departure = new Departure();
  const told: string[] = [];
  departure.onGone(() => told.push('first'));
  departure.onGone(() => {
    told.push(`second, gone: ${departure.hasGone}`);
    departure.go();
  });
  t.notOk(departure.hasGone);
  departure.go();
  departure.go();
  t.strictSame(told, ['second, gone: true']);
});

t.test('one that was taken back is not', async (t) => {
  const departure = new Departure();
  departure.onGone(() => t.fail());
  departure.onGone(undefined);
  departure.go();
  t.ok(departure.hasGone);
});
