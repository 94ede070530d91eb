import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { CitadelCaller } from '../support/citadel-caller.js';
import { startCitadelProcess } from '../support/citadel-process.js';
import { openHotPath } from '../support/hot-path.js';
import { NO_POSTGRES, Postgres } from '../support/postgres.js';
import { shortDir } from '../support/short-dir.js';
import { TokenIssuer } from '../support/test-tokens.js';

const PROGRAM = fileURLToPath(new URL('../../../dist/sidecert.js', import.meta.url));
const hotPath = openHotPath();

/** A Citadel process with a trail, and what its commands say of that. */
async function serve(t: Test, flags: readonly string[] = []) {
  const directory = shortDir(t);
  const issuer = new TokenIssuer();
  const file = (name: string): string => join(directory, name);
  const start = async () => {
    const { citadel, address } = await startCitadelProcess(t, {
      ...{ file, issuer, flags: ['--trail-dir', file('trail'), ...flags] },
    });
    const caller = new CitadelCaller(t, { address, rootPem: readFileSync(file('root.pem')) });
    return { citadel, caller };
  };
  const run = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, ...args], { encoding: 'utf8' });
    return { status, stdout, stderr };
  };
  const csrOf = async (account: string): Promise<string> => {
    const spiffeId = `spiffe://cluster.local/ns/foo/sa/${account}`;
    return (await hotPath.prepare({ spiffeId, keyType: 'ec-p256' })).csrPem.toString();
  };
  return { issuer, start, run, csrOf, trail: file('trail'), statusPath: file('status') };
}

t.test('what a Citadel has issued and refused stands in its trail, also after it was killed', async (t) => {
  const served = await serve(t, ['--trail-mode', 'wait']);
  const { citadel, caller } = await served.start();
  const [token, csr] = [await served.issuer.token('foo', 'sleep'), await served.csrOf('sleep')];
  const answer = await caller.call({ token, csr });
  t.equal(answer.code, status.OK);
  const serial = new X509Certificate(answer.elements[0] ?? '').serialNumber.toLowerCase();
  t.equal((await caller.call({ token: `${token.slice(0, -8)}AAAAAAAA`, csr })).code, status.UNAUTHENTICATED);
  // No answer waits for the record of a refusal.
  await eventually(() => served.run('certs', 'list', served.trail, '--events', 'refused'), /ERR_TOKEN_REFUSED/);
  const shown = served.run('status', '--status-address', served.statusPath, '-o', 'json');
  const { head, failure } = JSON.parse(shown.stdout).trail;
  t.equal(failure, undefined);
  citadel.kill('SIGKILL');
  await citadel.ended;

  const verified = served.run('trail', 'verify', served.trail, '--head', head);
  t.match(verified, { status: 0, stdout: /2 opened|1 opened, 1 issued/, stderr: '' });
  t.match(served.run('certs', 'list', served.trail, '--identity', 'spiffe://cluster.local/ns/foo/*'), {
    status: 0,
    stdout: new RegExp(`issued spiffe://cluster.local/ns/foo/sa/sleep serial ${serial} until `),
  });
  const colons = serial.toUpperCase().replace(/(..)(?=.)/g, '$1:');
  t.match(served.run('certs', 'show', served.trail, colons), {
    status: 0,
    stdout: /address +127\.0\.0\.1\n[\s\S]*key_type +ec-p256/,
  });
  t.match(served.run('certs', 'show', served.trail, '77'), { status: 1, stderr: /got serial 77, expected one of/ });
  t.match(served.run('certs', 'list', served.trail, '--events', 'refused', '--since', '2020-01-01'), {
    stdout: /refused unproven ERR_TOKEN_REFUSED: /,
  });
  t.match(served.run('certs', 'list', served.trail, '--until', '2020-01-01'), { status: 0, stdout: '' });

  const again = await served.start();
  t.equal((await again.caller.call({ token, csr })).code, status.OK);
  again.citadel.kill('SIGTERM');
  await again.citadel.ended;
  t.match(served.run('trail', 'verify', served.trail), {
    status: 0,
    stdout: /2 opened, 2 issued, 1 refused, 1 closed/,
  });

  const files = readdirSync(served.trail)
    .filter((name) => name.startsWith('trail-'))
    .sort();
  const text = files.map((name) => readFileSync(join(served.trail, name), 'utf8')).join('');
  t.notMatch(text, token.split('.')[2] ?? '', 'no token stands in it');
  const [first = ''] = files;
  const path = join(served.trail, first);
  writeFileSync(path, readFileSync(path, 'utf8').replace('ns/foo/sa/sleep', 'ns/foo/sa/other'));
  const changed = served.run('trail', 'verify', served.trail);
  t.match(changed, {
    status: 1,
    stdout: /CHANGED/,
    stderr: /trail-.*\.jsonl line 3: record 3 follows another record 2/,
  });
});

/** Waits for what a command prints: the inventory follows the trail within a second. */
async function eventually(look: () => { readonly stdout: string }, pattern: RegExp): Promise<string> {
  for (;;) {
    const { stdout } = look();
    if (pattern.test(stdout)) return stdout;
    await sleep(200);
  }
}

t.test('an inventory has what the trail has, and is looked up by serial, identity and time', async (t) => {
  const database = join(shortDir(t), 'inventory.db');
  const served = await serve(t, ['--inventory', `sqlite:${database}`]);
  const { citadel, caller } = await served.start();
  for (const account of ['sleep', 'sleep', 'httpbin']) {
    const [token, csr] = [await served.issuer.token('foo', account), await served.csrOf(account)];
    t.equal((await caller.call({ token, csr })).code, status.OK);
  }
  const list = (...flags: string[]) => served.run('certs', 'list', `sqlite:${database}`, ...flags);
  await eventually(list, /sa\/httpbin/);
  t.strictSame(list(), served.run('certs', 'list', served.trail), 'the same as of the trail');
  t.strictSame(list('-o', 'json'), served.run('certs', 'list', served.trail, '-o', 'json'));
  t.equal(list('--identity', '*/sa/sleep').stdout.trim().split('\n').length, 2);
  t.match(list('--since', '2999-01-01'), { status: 0, stdout: '', stderr: '' });
  const [, serial = ''] = / serial ([0-9a-f]+) /.exec(list().stdout) ?? [];
  const show = served.run('certs', 'show', `sqlite:${database}`, serial);
  t.match(show, { status: 0, stdout: /authenticated_by/, stderr: '' });
  t.match(served.run('certs', 'show', `sqlite:${database}`, '77'), { status: 1, stderr: /one of the inventory/ });
  t.match(list('--events', 'refused'), { status: 2, stderr: /--events: got refused of an inventory, expected iss/ });
  const revoke = served.run('revoke', '--status-address', served.statusPath, '--serial', serial);
  t.match(revoke, { status: 0 });
  await eventually(() => list('--events', 'revoked'), new RegExp(` revoked spiffe:.* serial ${serial}`));
  t.strictSame(list('--events', 'all'), served.run('certs', 'list', served.trail, '--events', 'all'));
  const shownNow = () => served.run('status', '--status-address', served.statusPath, '-o', 'json');
  const shown = await eventually(shownNow, /"behind": ?0\b/);
  t.match(JSON.parse(shown).inventory, { database: `sqlite:${database}`, behind: 0 });
  citadel.kill('SIGTERM');
  const { code, err } = await citadel.whole();
  t.equal(code, 0);
  t.notMatch(err, /Experimental/);

  const away = served.run('certs', 'list', `sqlite:${database}-2`);
  t.match(away, { status: 1, stderr: /ERR_INVENTORY_UNAVAILABLE: inventory sqlite:.*-2: got .*, expected one that a/ });
});

t.test(
  'replicas share an inventory in PostgreSQL, which no certificate waits for',
  { skip: NO_POSTGRES },
  async (t) => {
    const server = await Postgres.start(t);
    const replicas = await Promise.all([1, 2].map(() => serve(t, ['--inventory', server.url])));
    const running = await Promise.all(replicas.map((one) => one.start()));
    const issue = async (index: number, account: string): Promise<void> => {
      const { issuer, csrOf } = replicas[index] as (typeof replicas)[0];
      const answer = await running[index]?.caller.call({
        token: await issuer.token('foo', account),
        csr: await csrOf(account),
      });
      t.equal(answer?.code, status.OK);
    };
    const list = () => (replicas[0] as (typeof replicas)[0]).run('certs', 'list', server.url);
    await issue(0, 'a0');
    await issue(1, 'b0');
    await eventually(list, /sa\/a0[\s\S]*sa\/b0|sa\/b0[\s\S]*sa\/a0/);
    await server.stop('SIGKILL');
    await issue(0, 'a1');
    await issue(1, 'b1');
    await running[0]?.citadel.says('inventory cannot be written');
    t.match(list(), { status: 1, stderr: /ERR_INVENTORY_UNAVAILABLE: inventory postgresql:.*ECONNREFUSED/ });
    await server.resume();
    await eventually(list, /sa\/a1/);
    await eventually(list, /sa\/b1/);
    t.match(await server.query('SELECT count(*) FROM sidecert_certificate'), [{ count: '4' }]);
  },
);

t.test('bad arguments and directories are told by name', async (t) => {
  const { run } = await serve(t);
  t.match(run('trail', 'verify', '/nowhere'), { status: 1, stderr: /trail \/nowhere: got .*ENOENT/ });
  t.match(run('trail', 'verify'), { status: 2, stderr: /--trail-dir/ });
  t.match(run('trail', 'verify', '/', '--head', '7'), { status: 1, stderr: /got "7", expected NUMBER:HASH/ });
  t.match(run('trail', 'look'), { status: 2, stderr: /got "trail look", expected one of trail verify/ });
  t.match(run('trail'), { status: 2, stderr: /got "trail", expected one of trail verify/ });
  t.match(run('certs', 'list', '/', '--since', 'yesterday'), { status: 2, stderr: /"yesterday", expected a date/ });
  t.match(run('certs', 'show', '/', 'xyz'), { status: 2, stderr: /"xyz", expected a serial number in hex/ });
  const secret = run('certs', 'list', 'postgresql://citadel:secret@db/ca?password=secret');
  t.notMatch(secret.stderr, /secret/);
  t.match(secret, { status: 2, stderr: /with the password elsewhere: PGPASSFILE or PGPASSWORD/ });
  t.match(run('citadel', '--inventory', 'sqlite:x'), { status: 2, stderr: /--inventory: got it alone, expected it/ });
});

t.test('a Citadel whose trail cannot be written does not start', async (t) => {
  const directory = shortDir(t);
  writeFileSync(join(directory, 'jwks.json'), JSON.stringify(new TokenIssuer().jwks));
  writeFileSync(join(directory, 'file'), '');
  const flags = ['--listen', '127.0.0.1:0', '--jwks', join(directory, 'jwks.json'), '--token-issuer', 'x'];
  const result = spawnSync(
    process.execPath,
    [PROGRAM, 'citadel', ...flags, '--trail-dir', join(directory, 'file', 't')],
    {
      encoding: 'utf8',
    },
  );
  t.match(result, { status: 1, stderr: /ERR_TRAIL_UNAVAILABLE: trail .*file\/t: got .*, expected a directory/ });
});
