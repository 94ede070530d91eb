import t from 'tap';
import { RateLimitedLogger } from '../../src/telemetry/index.js';
import { FakeClock } from '../support/fake-clock.js';
import { RecordingLogger } from '../support/recording-logger.js';

function open() {
  const logger = new RecordingLogger();
  const clock = { nowMs: 1_000_000 };
  return { logger, clock, log: new RateLimitedLogger(logger, () => clock.nowMs) };
}

t.test('the same complaint is one line a minute, and another one is another line', async (t) => {
  const { logger, clock, log } = open();
  for (let time = 0; time < 100; time += 1) log.warn('bad', { path: '/a' });
  log.warn('bad', { path: '/b' });
  t.equal(logger.of('bad').length, 2);
  clock.nowMs += 60_000;
  log.warn('bad', { path: '/a' });
  t.strictSame(
    logger.of('bad').map(({ level, fields }) => ({ level, ...fields })),
    [
      { level: 'warn', path: '/a' },
      { level: 'warn', path: '/b', withheld: 99 },
      { level: 'warn', path: '/a' },
    ],
  );
});

t.test('row 68: whoever makes up causes gets 64 lines a minute, and no memory', async (t) => {
  const { logger, clock, log } = open();
  for (let cause = 0; cause < 10_000; cause += 1) log.warn('bad', { path: `/${cause}` });
  t.equal(logger.of('bad').length, 64);
  clock.nowMs += 60_000;
  log.warn('worse', {});
  t.match(logger.of('worse'), [{ fields: { withheld: 10_000 - 64 } }]);
});

t.test('a cause that is named counts by its name, whatever the fields are', async (t) => {
  const { logger, log } = open();
  for (let connection = 0; connection < 100; connection += 1) log.warn('bad', { connection }, 'one cause');
  t.strictSame(
    logger.of('bad').map(({ fields }) => fields),
    [{ connection: 0 }],
  );
});

t.test('limits of its own: so many lines of a cause, so many of all, and fields made for those alone', async (t) => {
  const { logger, clock } = open();
  const log = new RateLimitedLogger(logger, () => clock.nowMs, { linesPerMinute: 5, linesPerCause: 2 });
  let made = 0;
  const fields = () => {
    made += 1;
    return { count: made };
  };
  const written = ['a', 'a', 'a', 'b', 'b', 'c', 'd'].map((cause) => log.error('bad', fields, cause));
  t.strictSame(written, [true, true, false, true, true, true, false]);
  t.strictSame(
    logger.of('bad').map((line) => [line.level, line.fields.count, line.fields.withheld]),
    [1, 2, 3, 4, 5].map((count) => ['error', count, count === 3 ? 1 : undefined]),
  );
  t.equal(made, 5);
});

t.test('a clock that is set back silences nobody', async (t) => {
  const { logger, clock, log } = open();
  log.warn('bad', {});
  clock.nowMs -= 500_000;
  log.warn('bad', {});
  t.equal(logger.of('bad').length, 2);
});

const ISSUED = { message: 'certificate issued', summary: 'certificates issued', subject: 'spiffe_id' } as const;

function openRepeated() {
  const logger = new RecordingLogger();
  const clock = new FakeClock();
  const log = new RateLimitedLogger(logger, clock.now, { clock });
  const issue = (subject: string, serial: number) =>
    log.repeated(ISSUED, { spiffe_id: subject, serial: String(serial), connection: 7 });
  const sums = () => logger.of('certificates issued').map(({ level, fields }) => ({ level, ...fields }));
  return { logger, clock, log, issue, sums };
}

t.test('what one does again and again is 20 lines a minute, and one that sums up the others', async (t) => {
  const { logger, clock, issue, sums } = openRepeated();
  for (let serial = 1; serial <= 1000; serial += 1) issue('a', serial);
  issue('b', 5000);
  t.strictSame(sums(), []);
  clock.advance(59_000);
  t.strictSame(sums(), [], 'not before the minute is over');
  clock.advance(1000);
  t.strictSame(sums(), [{ level: 'info', spiffe_id: 'a', count: 980, first_serial: '21', last_serial: '1000' }]);
  const lines = logger.of('certificate issued');
  const whole = lines.filter(({ level }) => level === 'info').map(({ fields }) => fields.serial);
  t.strictSame(whole, [...Array.from({ length: 20 }, (_, index) => String(index + 1)), '5000']);
  const others = lines.filter(({ level }) => level === 'debug');
  t.equal(others.length, 980, 'each of the others is a line for debug');
  t.strictSame(others[0]?.fields, { spiffe_id: 'a', serial: '21', connection: 7 }, 'with all of its fields');
});

t.test('who has been summed up has whole lines again in the next minute, and nothing is counted twice', async (t) => {
  const { logger, clock, issue, sums } = openRepeated();
  for (let serial = 1; serial <= 30; serial += 1) issue('a', serial);
  clock.advance(60_000);
  for (let serial = 31; serial <= 61; serial += 1) issue('a', serial);
  clock.advance(60_000);
  t.strictSame(
    sums().map(({ count, first_serial, last_serial }) => [count, first_serial, last_serial]),
    [
      [10, '21', '30'],
      [11, '51', '61'],
    ],
  );
  t.equal(logger.of('certificate issued').filter(({ level }) => level === 'info').length, 40);
  clock.advance(600_000);
  t.equal(sums().length, 2, 'nothing more to say');
  t.equal(clock.armed, 0, 'and nothing is kept');
});

t.test('subjects that are too many to tell apart are summed up together', async (t) => {
  const { logger, clock, issue, sums } = openRepeated();
  for (let subject = 0; subject < 10_000; subject += 1) issue(`spiffe://a/${subject}`, subject);
  const whole = logger.of('certificate issued').filter(({ level }) => level === 'info').length;
  t.equal(whole, 4096 + 20 - 1);
  clock.advance(60_000);
  t.strictSame(sums(), [
    { level: 'info', spiffe_id: undefined, count: 10_000 - whole, first_serial: String(whole), last_serial: '9999' },
  ]);
});

t.test('a log that is closed has said all', async (t) => {
  const { clock, log, issue, sums } = openRepeated();
  for (let serial = 1; serial <= 21; serial += 1) issue('a', serial);
  log.close();
  log.close();
  t.match(sums(), [{ count: 1, first_serial: '21', last_serial: '21' }]);
  t.equal(clock.armed, 0);
});

t.test('what is no fault is limited in the same way, at level info', async (t) => {
  const { logger, log } = open();
  for (let time = 0; time < 100; time += 1) log.limitedInfo('done', { path: `/${time}` });
  t.equal(logger.of('done').length, 64);
  t.ok(logger.of('done').every(({ level }) => level === 'info'));
});
