import { execFileSync } from 'node:child_process';
import { verify } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { signatureAlgorithmFor } from '../../../src/pki/x509/index.js';
import { Pkcs11Key } from '../../../src/system/pkcs11/index.js';
import { Metric, MetricRegistry } from '../../../src/telemetry/index.js';
import type { DeadlineClock } from '../../../src/timers/index.js';
import { opensslRoot, ROOT_KEY_TYPES, type RootKeyType } from '../../support/openssl-root.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { NO_TOKENS, SoftHsm } from '../../support/softhsm.js';

const skip = NO_TOKENS;
const UNAVAILABLE = { code: 'ERR_CA_KEY_UNAVAILABLE' };

/** A key in a token, and how to have it sign and see that it has. */
async function openKey(t: Test, keyType: RootKeyType, options: { deadlineClock?: DeadlineClock } = {}) {
  const hsm = new SoftHsm(t);
  const root = opensslRoot(keyType);
  hsm.import('citadel', root.privateKeyPem);
  const [logger, metrics] = [new RecordingLogger(), new MetricRegistry()];
  const clock = { nowMs: 0 };
  const key = await Pkcs11Key.open(hsm.reference('citadel'), { logger, metrics, now: () => clock.nowMs, ...options });
  t.teardown(() => key.close());
  const { publicKey } = root;
  const algorithm = signatureAlgorithmFor(publicKey);
  if (algorithm === undefined) throw new Error('no algorithm');
  const signs = async (text: string): Promise<boolean> => {
    const bytes = Buffer.from(text);
    return verify(algorithm.hash, bytes, publicKey, await key.sign(bytes, algorithm));
  };
  return { hsm, key, logger, metrics, clock, signs };
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
  let nowMs = 0;
  let fire = (): void => {};
  const deadlineClock: DeadlineClock = {
    now: () => nowMs,
    after(_, onLate) {
      fire = onLate;
      return () => {};
    },
  };
  const { signs, clock } = await openKey(t, 'ec-p256', { deadlineClock });
  const [pid = 0] = childrenNamed('token-process');
  process.kill(pid, 'SIGSTOP');
  const waiting = signs('a');
  nowMs = 4000;
  fire();
  await t.rejects(waiting, { ...UNAVAILABLE, message: /has not signed in time/ });
  clock.nowMs += 1001;
  t.equal(await signs('b'), true);
  t.notOk(childrenNamed('token-process').includes(pid));
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

/** Of this process, by a part of their command lines. */
function childrenNamed(part: string): number[] {
  const lines = execFileSync('ps', ['-o', 'pid=,args=', '--ppid', String(process.pid)], { encoding: 'utf8' }).split(
    '\n',
  );
  return lines.filter((line) => line.includes(part)).map((line) => Number.parseInt(line, 10));
}
