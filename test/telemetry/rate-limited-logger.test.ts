import t from 'tap';
import { RateLimitedLogger } from '../../src/telemetry/index.js';
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

t.test('a clock that is set back silences nobody', async (t) => {
  const { logger, clock, log } = open();
  log.warn('bad', {});
  clock.nowMs -= 500_000;
  log.warn('bad', {});
  t.equal(logger.of('bad').length, 2);
});
