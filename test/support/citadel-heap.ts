import { createInterface } from 'node:readline';
import { writeHeapSnapshot } from 'node:v8';
import { startCitadel } from '../../src/app/index.js';
import { COMMANDS } from '../../src/config/index.js';
import { silentLogger } from '../../src/telemetry/index.js';
import { settings } from './settings.js';

// A Citadel in a process of its own, whose heap can be looked at: prints its address, then for each line of input writes a
// snapshot of all that is reachable to the file that the line names.

const [jwks = '', issuer = '', rootOut = ''] = process.argv.slice(2);
const config = settings(COMMANDS.citadel, {
  ...{ listen: '127.0.0.1:0', jwks, 'token-issuer': issuer, 'root-cert-out': rootOut },
});
const citadel = await startCitadel(config, { logger: silentLogger, now: Date.now, random: Math.random, nodeFlags: [] });
process.stdout.write(`${citadel.address}\n`);
for await (const path of createInterface({ input: process.stdin })) {
  // What was used last may still stand in a register or on the stack of this turn.
  for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  writeHeapSnapshot(path);
  process.stdout.write(`${path}\n`);
}
await citadel.close();
