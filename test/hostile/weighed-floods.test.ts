import { setFlagsFromString } from 'node:v8';
import t from 'tap';
import { reflectionOf } from '../../src/net/grpc/reflection/reflection-codec.js';
import { Http2ErrorCode } from '../../src/net/http2/index.js';
import { usedBytes } from '../support/used-memory.js';
import { FLOODS } from './flood-steps.js';
import { FLOODED } from './flooded.js';
import { Flooders } from './flooders.js';
import { PingWatch } from './ping-watch.js';

// As an agent has it (src/cli/launch.ts): the garbage collector's pauses are its own, too, and it works alone here, so
// that they are seen in full.
setFlagsFromString('--semi-space-growth-factor=1');
setFlagsFromString('--no-parallel-scavenge');

// What the first question loads is small where it ships; here it has all of grpc-js with it.
reflectionOf([]);

// By the other kind of socket an agent reads in the same way: floods.test.ts has both.
const servers = FLOODED.filter(({ kind }, at) => kind === 'citadel' || at === 0);

/** Without a leak it is less than 1; 300 bytes kept of each step of the longest flood are more than 20. */
const MAX_GROWN_MB = 8;

const flooders = new Flooders(t);

for (const { name: who, kind, serve } of servers) {
  for (const [flood, { name, only, isWork, code = Http2ErrorCode.enhanceYourCalm }] of FLOODS.entries()) {
    if (only !== undefined && only !== kind) continue;
    t.test(`row 66: ${who}: three floods of ${name} at once leave others their turns`, async (t) => {
      const served = await serve(t);
      const { method, target } = served;
      const begin = await flooders.ready({ flood, method, target });
      const before = await usedBytes();
      const pings = await PingWatch.start(served);
      const codes = await begin();
      await pings.wasNeverKeptWaiting(t);
      t.same(codes, isWork ? [] : Array(3).fill(code));
      const lines = served.logger.lines.filter(({ level }) => level !== 'debug');
      served.forget();
      const grownMb = ((await usedBytes()) - before) / 2 ** 20;
      t.ok(grownMb < MAX_GROWN_MB, `memory grew by ${grownMb.toFixed(1)} MB`);
      t.ok(lines.length < 100, `${lines.length} lines in the log`);
    });
  }
}
