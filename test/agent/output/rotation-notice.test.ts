import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { RotationNotices, sendNotice } from '../../../src/agent/output/index.js';
import { MetricRegistry } from '../../../src/telemetry/index.js';
import { WallClockTimers } from '../../../src/timers/index.js';
import { FakeClock } from '../../support/fake-clock.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { shortDir } from '../../support/short-dir.js';
import { Written } from '../../support/written.js';

const isRoot = process.getuid?.() === 0;
const skip = (!isRoot && 'not root') || (spawnSync('setpriv', ['--version']).error !== undefined && 'no setpriv');
const NOTICE = { path: '/run/certs', serial: '0A' };

/** A process that says each signal it gets, in a line of its own. */
const LISTENING = `
  for (const name of ['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH']) process.on(name, () => console.log(name));
  setInterval(() => {}, 1000);
  console.log('ready');`;

async function startProcess(
  t: Test,
  wrapper: readonly string[] = [],
): Promise<{ child: ChildProcess; says(): Promise<string> }> {
  const [program = '', ...args] = [...wrapper, process.execPath, '-e', LISTENING];
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'], env: { PATH: process.env.PATH } });
  t.teardown(() => child.kill('SIGKILL'));
  const out = new Written(child.stdout, 'the process');
  let count = 0;
  const says = async (): Promise<string> => {
    count += 1;
    return (await out.lines('', count)).at(-1) ?? '';
  };
  t.equal(await says(), 'ready');
  return { child, says };
}

function pidFileOf(t: Test, text: string): string {
  const pidFile = join(shortDir(t), 'app.pid');
  writeFileSync(pidFile, text, { mode: 0o644 });
  return pidFile;
}

t.test('the process of a pid file gets the signal', async (t) => {
  const { child, says } = await startProcess(t);
  for (const signal of ['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH'] as const) {
    for (const end of ['', '\n']) {
      const said = says();
      await sendNotice({ kind: 'signal', signal, pidFile: pidFileOf(t, `${child.pid}${end}`) }, NOTICE);
      t.equal(await said, signal);
    }
  }
});

t.test('what is no pid file is refused, and no process is signalled', async (t) => {
  for (const text of [
    '',
    '0',
    '-1',
    '1 2',
    '01',
    ' 1',
    '1\n\n',
    '1e3',
    '0x10',
    '12345678',
    'pid',
    '1;2',
    `${'1'.repeat(65)}`,
  ]) {
    const pidFile = pidFileOf(t, text);
    const notice = sendNotice({ kind: 'signal', signal: 'SIGHUP', pidFile }, NOTICE);
    await t.rejects(
      notice,
      { code: 'ERR_OUTPUT_NOTICE_FAILED', message: /^pid file .*: got .*, expected / },
      JSON.stringify(text),
    );
  }
});

t.test('a pid file that others could have written, or that is missing, is refused', async (t) => {
  const pidFile = pidFileOf(t, `${process.pid}\n`);
  const signalled = () => sendNotice({ kind: 'signal', signal: 'SIGHUP', pidFile }, NOTICE);
  chmodSync(pidFile, 0o664);
  await t.rejects(signalled(), { message: /got mode 664, expected one that only its owner can write/ });
  chmodSync(pidFile, 0o644);
  await t.rejects(signalled(), { message: /got the agent itself, expected the process that reads the files/ });
  rmSync(pidFile);
  await t.rejects(signalled(), { message: /no such file or directory \(ENOENT\)/ });
});

t.test('a process of another user is not signalled, and the reason names both users', { skip }, async (t) => {
  const { child } = await startProcess(t, ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups']);
  const pidFile = pidFileOf(t, `${child.pid}`);
  const signalled = () => sendNotice({ kind: 'signal', signal: 'SIGTERM', pidFile }, NOTICE);
  await t.rejects(signalled(), {
    message: `process ${child.pid} of pid file ${pidFile}: got uid 65534, expected uid 0, which is the agent's`,
  });
  t.equal(child.exitCode ?? child.signalCode, null);
  chownSync(pidFile, 65534, 65534);
  await t.rejects(signalled(), { message: /got a file of uid 65534, expected one of uid 0 or 0/ });
});

t.test('a process that has ended is told of', async (t) => {
  const { child } = await startProcess(t);
  child.kill('SIGKILL');
  await once(child, 'exit');
  const pidFile = pidFileOf(t, `${child.pid}`);
  await t.rejects(sendNotice({ kind: 'signal', signal: 'SIGHUP', pidFile }, NOTICE), {
    message:
      /^process \d+ of pid file .*: got no such file or directory \(ENOENT\), expected a process that is running/,
  });
});

t.test('a socket gets one line of JSON, and then the end', async (t) => {
  const path = join(shortDir(t), 's');
  const server = createServer().listen(path);
  t.teardown(() => server.close());
  await once(server, 'listening');
  const taken = once(server, 'connection').then(async ([connection]) => {
    let text = '';
    for await (const chunk of connection) text += chunk;
    return text;
  });
  await sendNotice({ kind: 'socket', path }, NOTICE);
  t.equal(await taken, '{"event":"svid_files_switched","path":"/run/certs","serial":"0A"}\n');
});

t.test('a socket that is missing or has no listener says so', async (t) => {
  const path = join(shortDir(t), 's');
  const told = () => sendNotice({ kind: 'socket', path }, NOTICE);
  await t.rejects(told(), { code: 'ERR_OUTPUT_NOTICE_FAILED', message: /ENOENT.*expected a Unix stream socket/ });
  writeFileSync(path, '');
  await t.rejects(told(), { message: /ECONNREFUSED/ });
});

t.test(
  'a failed notice is tried five times, then again at the next switch, and does not hold up the others',
  async (t) => {
    const clock = new FakeClock();
    const timers = new WallClockTimers(clock);
    const logger = new RecordingLogger();
    const path = join(shortDir(t), 's');
    const { child, says } = await startProcess(t);
    const pidFile = pidFileOf(t, `${child.pid}`);
    const targets = [
      { kind: 'socket', path },
      { kind: 'signal', signal: 'SIGHUP', pidFile },
    ] as const;
    const notices = new RotationNotices({ targets, timers, now: clock.now, logger, metrics: new MetricRegistry() });
    t.teardown(async () => {
      await notices.close();
      timers.close();
    });
    const said = says();
    notices.switched(NOTICE);
    t.equal(await said, 'SIGHUP');
    for (const [index, waitMs] of [1000, 2000, 4000, 8000].entries()) {
      await logger.until('not told of new svid files', index + 1);
      await clock.untilArmed();
      clock.advance(waitMs);
    }
    await logger.until('not told of new svid files', 5);
    const levels = logger.of('not told of new svid files').map(({ level }) => level);
    t.strictSame(levels, ['warn', 'debug', 'debug', 'debug', 'warn']);
    t.match(notices.status(), [
      { to: `unix:${path}`, sentAtMs: undefined, failures: 5, lastFailure: { code: 'ERR_OUTPUT_NOTICE_FAILED' } },
      { to: `SIGHUP:${pidFile}`, failures: 0, lastFailure: undefined },
    ]);
    const server = createServer((connection) => connection.resume()).listen(path);
    t.teardown(() => server.close());
    await once(server, 'listening');
    notices.switched(NOTICE);
    await once(server, 'connection');
    await logger.until('told of new svid files', 3);
    t.match(notices.status(), [{ failures: 0 }, { failures: 0 }]);
  },
);
