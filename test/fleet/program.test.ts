import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { serveSds } from '../agent/sds/serve.js';
import { shortDir } from '../support/short-dir.js';
import { TestCa } from '../support/test-ca.js';
import { Written } from '../support/written.js';
import { bundleSecret, svidSecret } from './secrets.js';

/** What ships: build/test/fleet/ → dist/. */
const PROGRAM = fileURLToPath(new URL('../../../dist/sidecert.js', import.meta.url));

/** Starts `sidecert fleet` as a process of its own, against a server of this one. */
async function startFleet(t: Test, ...args: string[]) {
  const { path, source } = await serveSds(t);
  const ca = TestCa.root();
  source.setSecrets({ default: svidSecret(ca), ROOTCA: bundleSecret(ca.certificatePem) });
  const child = spawn(process.execPath, [PROGRAM, 'fleet', '--socket', path, '--envoys', '20', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  const out = new Written(child.stdout, 'the fleet');
  const code = once(child, 'close').then(([status]) => status as number | null);
  return { child, code, out };
}

t.test('the program writes its reports, with PINGs from its thread, and ends with 0 when all is well', async (t) => {
  const directory = shortDir(t);
  const [json, html] = [join(directory, 'r.json'), join(directory, 'r.html')];
  const { code, out } = await startFleet(t, '--duration', '2s', '--json', json, '--html', html);
  await out.text('clean: nothing is missing');
  t.equal(await code, 0, await out.whole());
  const report = JSON.parse(readFileSync(json, 'utf8'));
  t.match(report, { isClean: true, streams: 40, unserved: 0, checks: { checked: 40, problems: {} } });
  t.ok(report.pingMs.count > 0);
  t.match(readFileSync(html, 'utf8'), '20 fake Envoys on ');
});

t.test('a run that is interrupted reports what it has, and ends with 1', async (t) => {
  const { child, code, out } = await startFleet(t, '--rotations', '1');
  await out.text('all 40 streams have their first secret');
  child.kill('SIGINT');
  t.equal(await code, 1);
  t.match(await out.whole(), /40 of 40 served[\s\S]*NOT CLEAN \(stopped\)/);
});
