import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { warnOfUnusedSocket } from '../../src/app/agent/unused-socket.js';
import { WallClockTimers } from '../../src/timers/index.js';
import { FakeClock } from '../support/fake-clock.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { shortDir } from '../support/short-dir.js';

t.test('a socket on which no Envoy has asked within a minute is told once, with who may connect', async (t) => {
  const path = join(shortDir(t), 's');
  writeFileSync(path, '', { mode: 0o600 });
  for (const streams of [0, 2]) {
    const clock = new FakeClock();
    const logger = new RecordingLogger();
    const timers = new WallClockTimers(clock);
    t.teardown(() => timers.close());
    warnOfUnusedSocket({ path, streams: () => streams, timers, now: () => clock.now(), logger });
    clock.advance(59_000);
    t.equal(logger.of('no envoy has asked on the socket').length, 0);
    clock.advance(600_000);
    if (streams === 0) await logger.until('no envoy has asked on the socket');
    t.match(
      logger.of('no envoy has asked on the socket'),
      streams === 0 ? [{ fields: { path, detail: /^mode 0600/ } }] : [],
    );
    t.equal(logger.of('no envoy has asked on the socket').length, streams === 0 ? 1 : 0);
  }
});
