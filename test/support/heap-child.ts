import { createInterface } from 'node:readline';
import { writeHeapSnapshot } from 'node:v8';
import { startAgent, startCitadel } from '../../src/app/index.js';
import { COMMANDS } from '../../src/config/index.js';
import { silentLogger } from '../../src/telemetry/index.js';
import { settings } from './settings.js';

// An agent or a Citadel in a process of its own, whose heap can be looked at: prints where it listens, then for each
// line of input writes a snapshot of all that is reachable to the file that the line names.

const [command = '', given = '{}'] = process.argv.slice(2);
const context = { logger: silentLogger, now: Date.now, random: Math.random, nodeFlags: [] };
const app =
  command === 'agent'
    ? await startAgent(settings(COMMANDS.agent, JSON.parse(given)), context)
    : await startCitadel(settings(COMMANDS.citadel, JSON.parse(given)), context);
process.stdout.write(`${app.address}\n`);
for await (const path of createInterface({ input: process.stdin })) {
  // What was used last may still stand in a register or on the stack of this turn.
  for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  writeHeapSnapshot(path);
  process.stdout.write(`${path}\n`);
}
await app.close();
