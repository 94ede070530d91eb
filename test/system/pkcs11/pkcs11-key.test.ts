import { spawn } from 'node:child_process';
import { verify } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import t, { type Test } from 'tap';
import { signatureAlgorithmFor } from '../../../src/pki/x509/index.js';
import { Pkcs11Key } from '../../../src/system/pkcs11/index.js';
import { Metric, MetricRegistry } from '../../../src/telemetry/index.js';
import type { DeadlineClock } from '../../../src/timers/index.js';
import { childrenNamed, isRunning } from '../../support/child-processes.js';
import { opensslRoot, ROOT_KEY_TYPES, type RootKeyType } from '../../support/openssl-root.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { NO_TOKENS, SoftHsm } from '../../support/softhsm.js';
import { Written } from '../../support/written.js';

const skip = NO_TOKENS;
const UNAVAILABLE = { code: 'ERR_CA_KEY_UNAVAILABLE' };

/** A key in a token, and how to have it sign and see that it has. */
async function openKey(t: Test, keyType: RootKeyType) {
  const hsm = new SoftHsm(t);
  const root = opensslRoot(keyType);
  hsm.import('citadel', root.privateKeyPem);
  const [logger, metrics] = [new RecordingLogger(), new MetricRegistry()];
  const clock = { nowMs: 0, lateMs: 0 };
  let fire = (): void => {};
  const deadlineClock: DeadlineClock = {
    now: () => clock.nowMs + clock.lateMs,
    after(_, onLate) {
      fire = onLate;
      return () => {};
    },
  };
  const now = () => clock.nowMs;
  const key = await Pkcs11Key.open(hsm.reference('citadel'), { logger, metrics, now, deadlineClock });
  t.teardown(() => key.close());
  const { publicKey } = root;
  const algorithm = signatureAlgorithmFor(publicKey);
  if (algorithm === undefined) throw new Error('no algorithm');
  const signs = async (text: string): Promise<boolean> => {
    const bytes = Buffer.from(text);
    return verify(algorithm.hash, bytes, publicKey, await key.sign(bytes, algorithm));
  };
  /** After so long signatures that are late are told so. */
  const pass = (ms: number): void => {
    clock.nowMs += ms;
    fire();
  };
  return { hsm, key, logger, metrics, clock, signs, pass };
}

for (const keyType of ROOT_KEY_TYPES) {
  t.test(`a token signs with a key of type ${keyType}, many at a time`, { skip }, async (t) => {
    const { signs, metrics } = await openKey(t, keyType);
    const all = await Promise.all(Array.from({ length: 100 }, (_, index) => signs(`text ${index}`)));
    t.strictSame([...new Set(all)], [true]);
    t.equal(metrics.gauge(Metric.caKeyUsable).value, 1);
  });
}

t.test('a process of a token that is killed is started again; what waited there is told so', { skip }, async (t) => {
  const { signs, clock, logger } = await openKey(t, 'ec-p256');
  const [pid = 0] = childrenNamed('token-process');
  process.kill(pid, 'SIGSTOP');
  const waiting = signs('a');
  process.kill(pid, 'SIGKILL');
  await t.rejects(waiting, { ...UNAVAILABLE, message: /its process has ended/ });
  await t.rejects(signs('b'), { ...UNAVAILABLE, message: /started again within a second/ });
  clock.nowMs += 1001;
  t.equal(await signs('c'), true);
  t.match(
    logger.lines.map(({ message }) => message),
    ['CA key opened in its token', 'CA key cannot be used, nothing is issued', 'CA key can be used again'],
  );
});

t.test('a module that hangs is ended, and signs again after that', { skip }, async (t) => {
  const { signs, clock, pass } = await openKey(t, 'ec-p256');
  const [pid = 0] = childrenNamed('token-process');
  process.kill(pid, 'SIGSTOP');
  const waiting = signs('a');
  pass(4000);
  await t.rejects(waiting, { ...UNAVAILABLE, message: /has not signed in time/ });
  clock.nowMs += 1001;
  t.equal(await signs('b'), true);
  t.notOk(childrenNamed('token-process').includes(pid));
});

t.test('a token that signs for others meanwhile is slow, and is not ended', { skip }, async (t) => {
  const { signs, clock, pass } = await openKey(t, 'ec-p256');
  const [pid = 0] = childrenNamed('token-process');
  clock.nowMs = 10_000;
  t.equal(await signs('a'), true);
  process.kill(pid, 'SIGSTOP');
  const waiting = signs('b');
  // As if this one had come a millisecond before the other was signed.
  clock.lateMs = 1;
  pass(3999);
  await t.rejects(waiting, { ...UNAVAILABLE, message: /has not signed in time/ });
  process.kill(pid, 'SIGCONT');
  t.equal(await signs('c'), true);
  t.strictSame(childrenNamed('token-process'), [pid]);
});

t.test('a process that is started again has as long to open the token as the first', { skip }, async (t) => {
  const { signs, clock, pass } = await openKey(t, 'ec-p256');
  /** Signs, by a process that does not come to open the token. */
  const signsAnew = async () => {
    for (const pid of childrenNamed('token-process')) process.kill(pid, 'SIGKILL');
    await t.rejects(signs('a'), UNAVAILABLE);
    clock.nowMs += 1001;
    const waiting = signs('b');
    const [pid = 0] = childrenNamed('token-process');
    process.kill(pid, 'SIGSTOP');
    pass(4000);
    await t.rejects(waiting, { ...UNAVAILABLE, message: /has not signed in time/ });
    return pid;
  };
  const pid = await signsAnew();
  process.kill(pid, 'SIGCONT');
  t.equal(await signs('c'), true);
  t.strictSame(childrenNamed('token-process'), [pid]);

  const hanging = await signsAnew();
  const waiting = signs('d');
  pass(26_000);
  await t.rejects(waiting, UNAVAILABLE);
  clock.nowMs += 1001;
  t.equal(await signs('e'), true);
  t.notOk(childrenNamed('token-process').includes(hanging));
});

t.test('a PIN that was refused is not tried again by the next process', { skip }, async (t) => {
  const { hsm, signs, clock } = await openKey(t, 'ec-p256');
  writeFileSync(hsm.pinFile, '4321');
  const says = async (message: RegExp): Promise<void> => {
    for (const pid of childrenNamed('token-process')) process.kill(pid, 'SIGKILL');
    await t.rejects(signs('a'), { ...UNAVAILABLE, message: /its process has ended/ });
    clock.nowMs += 1001;
    await t.rejects(signs('b'), { ...UNAVAILABLE, message });
  };
  await says(/CKR_PIN_INCORRECT/);
  await says(/not tried again until it changes/);
  await says(/not tried again until it changes/);
});

t.test('a process that hangs goes with the one that has started it', { skip }, async (t) => {
  const { key, hsm } = await openKey(t, 'ec-p256');
  await key.close();
  const url = (path: string): string => JSON.stringify(new URL(path, import.meta.url));
  const program = `
    import { Pkcs11Key } from ${url('../../../src/system/pkcs11/index.js')};
    import { MetricRegistry } from ${url('../../../src/telemetry/index.js')};
    const logger = { info() {} };
    await Pkcs11Key.open(${JSON.stringify(hsm.reference('citadel'))}, { logger, metrics: new MetricRegistry() });
    process.stdin.once('data', () => process.exit(0));
    console.log('open');`;
  const stdio = ['pipe', 'pipe', 'inherit'] as const;
  const starter = spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: [...stdio] });
  t.teardown(() => starter.kill('SIGKILL'));
  await new Written(starter.stdout, 'the starter').line('open');
  const [pid = 0] = childrenNamed('token-process', starter.pid);
  process.kill(pid, 'SIGSTOP');
  starter.stdin.write('end');
  t.strictSame(await once(starter, 'exit'), [0, null]);
  while (isRunning(pid)) await new Promise((resolve) => setImmediate(resolve));
});

t.test('a module that hangs while it is opened goes with a Citadel that is killed', { skip }, async (t) => {
  const hsm = new SoftHsm(t);
  hsm.import('citadel', opensslRoot('ec-p256').privateKeyPem);
  // The module reads its configuration in the main thread of its process, and waits there for what is never written.
  hsm.configByPipe();
  const url = (path: string): string => JSON.stringify(new URL(path, import.meta.url));
  const program = `
    import { Pkcs11Key } from ${url('../../../src/system/pkcs11/index.js')};
    import { MetricRegistry } from ${url('../../../src/telemetry/index.js')};
    await Pkcs11Key.open(${JSON.stringify(hsm.reference('citadel'))}, { metrics: new MetricRegistry() });`;
  const starter = spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: 'inherit' });
  t.teardown(() => starter.kill('SIGKILL'));
  // Resolves when the module has opened the other end.
  const pipe = await open(hsm.configFile, 'w');
  t.teardown(() => pipe.close());
  const [pid = 0] = childrenNamed('token-process', starter.pid);
  t.equal(isRunning(pid), true);
  starter.kill('SIGKILL');
  t.strictSame(await once(starter, 'exit'), [null, 'SIGKILL']);
  while (isRunning(pid)) await new Promise((resolve) => setImmediate(resolve));
});

t.test('no process is left behind by a key that is closed', { skip }, async (t) => {
  const { key, signs } = await openKey(t, 'ec-p256');
  await key.close();
  await key.close();
  t.strictSame(childrenNamed('token-process'), []);
  await t.rejects(signs('a'), { ...UNAVAILABLE, message: /closed/ });
});

t.test('what is missing is told at the start', { skip }, async (t) => {
  const hsm = new SoftHsm(t);
  hsm.import('citadel', opensslRoot('ec-p256').privateKeyPem);
  const options = { logger: new RecordingLogger(), metrics: new MetricRegistry() };
  const cases = [
    [{ modulePath: '/nowhere/hsm.so' }, /PKCS#11 module \/nowhere\/hsm.so: .*cannot open shared object/],
    [{ modulePath: process.execPath }, /PKCS#11 module .*: /],
    [{ token: 'other' }, /no such token among mesh/],
    [{ object: 'other' }, /no such private key/],
    [{ id: 'ffff' }, /no such private key/],
  ] as const;
  for (const [changes, message] of cases) {
    await t.rejects(Pkcs11Key.open(hsm.reference('citadel', changes), options), { ...UNAVAILABLE, message });
  }
  writeFileSync(hsm.pinFile, '4321\n');
  const wrongPin = { ...UNAVAILABLE, message: /token mesh: C_Login: CKR_PIN_INCORRECT/ };
  await t.rejects(Pkcs11Key.open(hsm.reference('citadel'), options), wrongPin);
  t.strictSame(childrenNamed('token-process'), []);
});
