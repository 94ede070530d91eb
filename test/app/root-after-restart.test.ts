import { readdirSync, readFileSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { CitadelCaller } from '../support/citadel-caller.js';
import { startCitadelProcess } from '../support/citadel-process.js';
import { openHotPath } from '../support/hot-path.js';
import { shortDir } from '../support/short-dir.js';
import { runSidecert } from '../support/sidecert-process.js';
import { TokenIssuer } from '../support/test-tokens.js';

const hotPath = openHotPath();
const SLEEP = 'spiffe://cluster.local/ns/foo/sa/sleep';

/** A Citadel with files of its own, which can be started again, and the commands that change its root. */
async function serve(t: Test, flags: (file: (name: string) => string) => readonly string[]) {
  const directory = shortDir(t);
  const file = (name: string): string => join(directory, name);
  const issuer = new TokenIssuer();
  const start = async (...more: string[]) => {
    const { citadel, address } = await startCitadelProcess(t, { file, issuer, flags: [...flags(file), ...more] });
    const caller = new CitadelCaller(t, { address, rootPem: readFileSync(file('root.pem')) });
    const issue = async (): Promise<void> => {
      const token = await issuer.token('foo', 'sleep');
      const { csrPem } = await hotPath.prepare({ spiffeId: SLEEP, keyType: 'ec-p256' });
      t.equal((await caller.call({ token, csr: csrPem.toString() })).code, status.OK);
    };
    return { citadel, issue };
  };
  const run = async (...args: string[]): Promise<{ code: unknown; out: string; err: string }> => {
    return runSidecert(t, args);
  };
  const step = (name: string, ...more: string[]) =>
    run('root', name, file('ca'), ...(name === 'stage' ? [] : ['--status-address', file('status')]), ...more);
  return { start, run, step, file };
}

t.test('a Citadel that was started again says what it does not know, and no step is taken for that', async (t) => {
  const { start, step } = await serve(t, () => []);
  const first = await start();
  await first.issue();
  first.citadel.kill('SIGKILL');
  await first.citadel.ended;

  const second = await start();
  t.match(await step('stage'), { code: 0 });
  await second.citadel.says('signing authority reloaded');
  t.match(await step('activate'), {
    code: 1,
    err: /knows of no certificates that were issued before 20\S+Z, which may be valid until 20\S+Z; --force/,
  });
  const before = second.citadel.log.place;
  t.match(await step('activate', '--longest-ttl', '1ms'), { code: 0 });
  await second.citadel.says('signing authority reloaded', before);
  t.match(await step('retire'), { code: 1, err: /knows of no certificates that were issued before/ });
});

t.test('one with a trail knows by name who has a certificate of the old root', async (t) => {
  const { start, step, run, file } = await serve(t, (file) => ['--trail-dir', file('trail'), '--trail-mode', 'wait']);
  const first = await start();
  await first.issue();
  t.match(await step('stage'), { code: 0 });
  await first.citadel.says('signing authority reloaded');
  first.citadel.kill('SIGKILL');
  await first.citadel.ended;

  const second = await start();
  t.match(await step('activate'), {
    code: 1,
    err: /: 1 workloads of \S+ Citadel at \S+ do not have both roots yet: spiffe:\/\/cluster.local\/ns\/foo\/sa\/sleep \(pod sleep-7d4b\); --force/,
  });
  await second.issue();
  t.match(await step('activate'), { code: 0 });
  await second.citadel.says('signing authority reloaded');
  second.citadel.kill('SIGKILL');
  await second.citadel.ended;

  const third = await start();
  t.match(await step('retire'), {
    code: 1,
    err: /have a certificate that would be refused: spiffe:\/\/cluster.local\/ns\/foo\/sa\/sleep \(pod sleep-7d4b\); --force/,
  });
  await third.issue();
  t.match(await step('retire'), { code: 0 });
  await third.citadel.says('signing authority reloaded');

  const history = await run('root', 'history', file('trail'), '-o', 'json');
  const entries = history.out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.same(
    entries.map(({ roots }) => roots.length),
    [1, 2, 2, 1],
  );
  t.equal(new Set(entries.map(({ signer }) => signer)).size, 2);
  t.match((await run('root', 'history', file('trail'))).out, /^20\S+Z signs: [0-9a-f]{64}; trusted: [0-9a-f]{64}\n/);
});

t.test('a Citadel that was started again with shorter lives knows of certificates that live on', async (t) => {
  const { start, step, run, file } = await serve(t, (file) => ['--trail-dir', file('trail'), '--trail-mode', 'wait']);
  const first = await start();
  await first.issue();
  first.citadel.kill('SIGKILL');
  await first.citadel.ended;
  const hoursAgo = Date.now() / 1000 - 2 * 3600;
  for (const name of readdirSync(file('trail'))) utimesSync(join(file('trail'), name), hoursAgo, hoursAgo);

  const second = await start('--max-ttl', '1h', '--default-ttl', '1h');
  t.match(await step('stage'), { code: 0 });
  await second.citadel.says('signing authority reloaded');
  t.match(await step('activate'), { code: 1, err: /: 1 workloads of .* do not have both roots yet: spiffe:\S+sleep / });
  t.match(await run('revoke', '--status-address', file('status'), '--identity', SLEEP, '--dry-run'), {
    ...{ code: 0, out: /^would be revoked: serial [0-9a-f]+, spiffe:/ },
  });
});
