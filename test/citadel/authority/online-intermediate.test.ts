import { spawnSync } from 'node:child_process';
import { createPrivateKey, sign, X509Certificate } from 'node:crypto';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import {
  decideValidity,
  intermediatesInDirectory,
  intermediatesInMemory,
  LiveAuthority,
  OnlineIntermediate,
} from '../../../src/citadel/authority/index.js';
import type { OnlineIntermediateOptions } from '../../../src/citadel/authority/online-intermediate.js';
import { IdentityError } from '../../../src/errors/index.js';
import { Signer } from '../../../src/hotpath/index.js';
import { TrustDomain } from '../../../src/pki/spiffe/index.js';
import { Metric, MetricRegistry } from '../../../src/telemetry/index.js';
import { authorityDirectory } from '../../support/authority-files.js';
import { FakeClock } from '../../support/fake-clock.js';
import { opensslRoot, ROOT_KEY_TYPES } from '../../support/openssl-root.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { shortDir } from '../../support/short-dir.js';
import { runSidecert } from '../../support/sidecert-process.js';
import { TestCa } from '../../support/test-ca.js';

const trustDomain = TrustDomain.parse('cluster.local');
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

interface Changes extends Partial<OnlineIntermediateOptions> {
  readonly directory?: string;
}

async function setUp(t: Test, { directory = shortDir(t), ...changes }: Changes = {}) {
  // Near the real clock, by which openssl judges.
  const startMs = Math.floor(Date.now() / 1000) * 1000;
  const clock = new FakeClock(startMs);
  const logger = new RecordingLogger();
  const metrics = new MetricRegistry();
  const live = await LiveAuthority.open({ directory, trustDomain, logger, now: clock.now, every: () => () => {} });
  t.teardown(() => live.close());
  const options = {
    ...{ live, store: intermediatesInDirectory(directory), trustDomain, isConstrained: true },
    ...{ leafLifeMs: () => DAY_MS, logger, metrics, clock, random: () => 0.5, ...changes },
  };
  const open = async () => {
    const opened = await OnlineIntermediate.open(options);
    t.teardown(() => opened.close());
    return opened;
  };
  const online = await open();
  return { directory, startMs, clock, logger, metrics, live, online, open };
}

const serialOf = (online: OnlineIntermediate): string => online.current.signer.certificate.serialNumber;

/** What openssl says of a leaf that this CA has issued, whatever it is allowed to. */
function judge(t: Test, online: OnlineIntermediate, uri: string, { isCa = false } = {}) {
  const directory = shortDir(t);
  const file = (name: string): string => join(directory, name);
  const { signer, intermediatesPem, bundle } = online.current;
  const key = createPrivateKey({
    key: Buffer.from(new Uint8Array(signer.material.privateKeyDer)),
    format: 'der',
    type: 'pkcs8',
  });
  writeFileSync(file('ca-key.pem'), key.export({ type: 'pkcs8', format: 'pem' }));
  writeFileSync(file('ca.pem'), signer.certificate.toString());
  writeFileSync(file('chain.pem'), intermediatesPem.join(''));
  writeFileSync(file('roots.pem'), bundle.toPem());
  const usage = isCa ? 'keyUsage=critical,keyCertSign\nbasicConstraints=critical,CA:true\n' : '';
  writeFileSync(file('leaf.ext'), `${usage}subjectAltName=critical,URI:${uri}\n`);
  const script = `
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout leaf-key.pem -subj ${isCa ? '/CN=below' : '/'} -out leaf.csr
    openssl x509 -req -in leaf.csr -CA ca.pem -CAkey ca-key.pem -days 1 -extfile leaf.ext -out leaf.pem`;
  const made = spawnSync('bash', ['-ec', script], { cwd: directory, encoding: 'utf8' });
  t.equal(made.status, 0, made.stderr);
  const verify = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync('openssl', ['verify', '-x509_strict', '-CAfile', ...args], {
      cwd: directory,
      encoding: 'utf8',
    });
    return { status, says: stdout + stderr };
  };
  return { file, verify, leaf: verify('roots.pem', '-untrusted', 'chain.pem', 'leaf.pem') };
}

for (const keyType of ROOT_KEY_TYPES) {
  t.test(`below a root of type ${keyType} openssl takes leaves of the trust domain, and no others`, async (t) => {
    const root = opensslRoot(keyType);
    const directory = shortDir(t);
    const files = { 'ca-key.pem': root.privateKeyPem, 'ca-cert.pem': root.certificatePem, 'cert-chain.pem': '' };
    for (const [name, content] of Object.entries({ ...files, 'root-cert.pem': root.certificatePem }))
      writeFileSync(join(directory, name), content, { mode: 0o600 });
    const { online } = await setUp(t, { directory });
    const { signer, intermediatesPem } = online.current;
    t.equal(intermediatesPem.length, 1);
    const above = new X509Certificate(root.certificatePem);
    t.ok(signer.certificate.checkIssued(above) && signer.certificate.verify(above.publicKey), 'by node:crypto');
    t.match(judge(t, online, 'spiffe://cluster.local/ns/foo/sa/sleep').leaf, { status: 0, says: /OK/ });
    for (const foreign of ['other.example', 'sub.cluster.local', 'cluster.local.example', 'xcluster.local'])
      t.match(judge(t, online, `spiffe://${foreign}/ns/foo/sa/sleep`).leaf, {
        ...{ status: 2, says: /permitted subtree violation/ },
      });
  });
}

t.test('its certificate is of a CA with path length 0 and a critical name constraint', async (t) => {
  const { online, directory, startMs } = await setUp(t);
  const { file } = judge(t, online, 'spiffe://cluster.local/ns/foo/sa/sleep');
  const text = spawnSync('openssl', ['x509', '-noout', '-text', '-in', file('ca.pem')], { encoding: 'utf8' }).stdout;
  t.match(text, /Basic Constraints: critical\s+CA:TRUE, pathlen:0\n/);
  t.match(text, /Key Usage: critical\s+Certificate Sign, CRL Sign\n/);
  t.match(text, /Name Constraints: critical\s+Permitted:\s+URI:cluster.local\n/);
  t.notMatch(text, /Extended Key Usage/);
  t.match(text, /Subject: O *= *cluster.local, CN *= *sidecert intermediate \d{4}-\d\d-\d\d [0-9a-f]{12}\n/);
  t.equal(statSync(join(directory, 'online-intermediate.pem')).mode & 0o777, 0o600);
  t.equal(online.current.notAfterMs - startMs, 30 * DAY_MS);
  t.match(online.current.nameProblem('spiffe://other.example/ns/foo/sa/sleep'), /not permitted/);
  t.equal(online.current.nameProblem('istiod.istio-system.svc'), undefined, 'its own certificate has DNS names');
});

t.test('openssl refuses a CA below it', async (t) => {
  const { online } = await setUp(t);
  const { file, verify } = judge(t, online, 'spiffe://cluster.local/ns/foo/sa/x', { isCa: true });
  const script = `
    echo subjectAltName=critical,URI:spiffe://cluster.local/ns/foo/sa/sleep > low.ext
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout low-key.pem -subj / -out low.csr
    openssl x509 -req -in low.csr -CA leaf.pem -CAkey leaf-key.pem -days 1 -extfile low.ext -out low.pem
    cat leaf.pem >> chain.pem`;
  t.equal(spawnSync('bash', ['-ec', script], { cwd: file('.') }).status, 0);
  t.match(verify('roots.pem', '-untrusted', 'chain.pem', 'low.pem'), { status: 2, says: /path length/ });
});

t.test('without the constraint it signs for all, and one with it is made when it is wanted again', async (t) => {
  const { directory, online, live, open } = await setUp(t, { isConstrained: false });
  t.match(judge(t, online, 'spiffe://other.example/ns/foo/sa/sleep').leaf, { status: 0 });
  t.equal(serialOf(await open()), serialOf(online), 'a restart keeps it');
  const { online: constrained } = await setUp(t, { directory });
  t.not(serialOf(constrained), serialOf(online));
  t.equal(constrained.state.isConstrained, true);
  t.equal(constrained.signers.length, 2, 'leaves of the other one may be revoked');
  t.equal(constrained.current.authorityId, live.current.authorityId);
});

t.test('its successor is known for an hour, then signs; its key stays until its end', async (t) => {
  const { online, startMs, clock, logger } = await setUp(t);
  const first = serialOf(online);
  const changes: string[] = [];
  let knownBefore = 0;
  online.onChange(() => changes.push(serialOf(online)));
  online.onKeysChange(() => {
    knownBefore = changes.length === 0 ? online.signers.length : knownBefore;
  });
  clock.advance(15 * DAY_MS - HOUR_MS - 1000);
  t.equal(logger.of('online intermediate made').length, 1);
  clock.advance(1000);
  await logger.until('online intermediate made', 2);
  t.equal(serialOf(online), first);
  await untilNext(online);
  t.equal(online.state.next?.usedFromMs, startMs + 15 * DAY_MS);
  clock.advance(HOUR_MS - 1000);
  t.equal(serialOf(online), first);
  clock.advance(1000);
  t.not(serialOf(online), first);
  t.same(changes, [serialOf(online)]);
  t.equal(knownBefore, 2, 'lists could be signed before it signed');
  t.equal(online.state.next, undefined);
  t.equal(online.signers.length, 2);
  clock.advance(15 * DAY_MS);
  t.equal(
    online.signers.some(({ certificate }) => certificate.serialNumber === first),
    false,
    'it has ended',
  );
});

/** What was made a moment ago was read back. */
async function untilNext(online: OnlineIntermediate): Promise<void> {
  while (online.state.next === undefined) await new Promise((resolve) => setImmediate(resolve));
}

t.test('its key is read once, however often it looks', async (t) => {
  const directory = shortDir(t);
  const store = intermediatesInDirectory(directory);
  let reads = 0;
  const read = () => {
    reads += 1;
    return store.read();
  };
  const { online, clock } = await setUp(t, { directory, store: { ...store, read } });
  const [signer] = online.signers;
  for (const last = reads + 3; reads < last; ) {
    await clock.untilArmed();
    clock.advance(31_000);
  }
  await clock.untilArmed();
  t.equal(online.signers.length, 1);
  t.equal(online.signers[0], signer, 'no other copy of it in memory');
});

t.test('a clock that jumps beyond its end, or back, costs no more than another one', async (t) => {
  const { online, clock, logger } = await setUp(t);
  const first = serialOf(online);
  clock.jump(40 * DAY_MS);
  // Asked once, it sees that the clock was set.
  t.equal(serialOf(online), first);
  await logger.until('online intermediate signs now');
  const second = serialOf(online);
  t.not(second, first);
  t.ok(online.current.notAfterMs > clock.now() + 15 * DAY_MS);

  clock.jump(-40 * DAY_MS);
  clock.advance(31_000);
  await logger.until('online intermediate signs now', 2);
  t.ok(Date.parse(online.current.signer.certificate.validFrom) < clock.now());
  t.equal(online.state.problem, undefined);
});

t.test('while the root cannot sign, issuing goes on until the intermediate ends', async (t) => {
  const startMs = Date.now();
  const root = TestCa.root('away', { notAfterMs: startMs + 1000 * DAY_MS, notBeforeMs: startMs - HOUR_MS });
  const directory = authorityDirectory(t, { signer: root, roots: [root] });
  const key = { isAway: false, signatures: 0 };
  const { current } = await LiveAuthority.open({
    ...{ directory, trustDomain, logger: new RecordingLogger(), now: () => startMs },
  });
  const remote = await Signer.withRemoteKey(
    root.certificatePem,
    {
      name: 'token',
      async sign(bytes, { hash }) {
        if (key.isAway) throw new IdentityError('ERR_CA_KEY_UNAVAILABLE', 'the token does not answer');
        key.signatures += 1;
        return sign(hash, bytes, createPrivateKey(root.privateKeyPem));
      },
    },
    'ca-cert.pem',
  );
  const live = {
    current: { ...current, signer: remote },
    rotation: undefined,
    onChange() {},
    otherSigners: async () => [],
  };
  const { online, clock, logger, metrics } = await setUp(t, { live });
  const first = serialOf(online);
  t.equal(key.signatures, 2, 'one to prove the key, one for the intermediate');
  key.isAway = true;
  const failures = () => metrics.counter(Metric.onlineIntermediateFailures).value;
  /** So many tries, each after its time. */
  const tries = async (count: number) => {
    for (let last = failures() + count; failures() < last; ) {
      await clock.untilArmed();
      clock.advance(31_000);
      for (const before = failures(); failures() === before; ) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  clock.advance(15 * DAY_MS - HOUR_MS);
  await tries(3);
  const warned = await logger.until('online intermediate cannot be renewed, the one in use stays');
  t.match(warned, { level: 'warn', fields: { code: 'ERR_CA_KEY_UNAVAILABLE', error: /token does not answer/ } });
  t.equal(logger.of(warned.message).length, 1, 'it is told once an hour');
  t.match(online.state.problem, /token does not answer/);
  t.ok(online.state.renewAtMs < clock.now());

  await clock.untilArmed();
  clock.advance(10 * DAY_MS);
  await tries(2);
  t.equal(logger.of(warned.message).at(-1)?.level, 'error', 'a person has to act');
  t.equal(serialOf(online), first);
  const limits = { defaultTtlMs: DAY_MS, maxTtlMs: DAY_MS };
  const endMs = online.current.notAfterMs;
  t.equal(decideValidity(0, limits, endMs, endMs - HOUR_MS).notAfterMs, endMs, 'a leaf does not outlive it');
  t.throws(() => decideValidity(0, limits, endMs, endMs), { code: 'ERR_CITADEL_NOT_READY' });

  key.isAway = false;
  await clock.untilArmed();
  clock.advance(31_000);
  await logger.until('online intermediate made', 2);
  await clock.untilArmed();
  clock.advance(HOUR_MS);
  await logger.until('online intermediate signs now');
  t.not(serialOf(online), first);
  t.equal(online.state.problem, undefined);
});

t.test('it ends with its root, and no other one is made before that', async (t) => {
  const startMs = Math.floor(Date.now() / 1000) * 1000;
  const endMs = startMs + 10 * DAY_MS;
  const root = TestCa.root('short', { notBeforeMs: startMs - HOUR_MS, notAfterMs: endMs });
  const { online, clock, logger } = await setUp(t, {
    directory: authorityDirectory(t, { signer: root, roots: [root] }),
  });
  t.equal(online.current.notAfterMs, endMs);
  t.equal(online.state.renewAtMs, Number.POSITIVE_INFINITY);
  clock.advance(9 * DAY_MS);
  t.equal(logger.of('online intermediate made').length, 1);
});

t.test('a root that may have no CA below it is refused', async (t) => {
  const { online, directory } = await setUp(t);
  const { file } = judge(t, online, 'spiffe://cluster.local/ns/foo/sa/sleep');
  for (const name of ['online-intermediate.pem', '.online-intermediate-lock'])
    rmSync(join(directory, name), { force: true });
  const plugged = shortDir(t);
  const files = { 'ca-key.pem': 'ca-key.pem', 'ca-cert.pem': 'ca.pem', 'cert-chain.pem': 'chain.pem' };
  for (const [to, from] of Object.entries({ ...files, 'root-cert.pem': 'roots.pem' }))
    writeFileSync(join(plugged, to), readFileSync(file(from)), { mode: 0o600 });
  await t.rejects(setUp(t, { directory: plugged }), { code: 'ERR_SIGNER_INVALID', message: /pathlen 0 above 1 CAs/ });
});

t.test('two Citadels with one directory have one intermediate, and each renews it for both', async (t) => {
  const directory = shortDir(t);
  (await setUp(t, { directory, store: intermediatesInMemory() })).live.close();
  const all = await Promise.all([setUp(t, { directory }), setUp(t, { directory }), setUp(t, { directory })]);
  t.equal(new Set(all.map(({ online }) => serialOf(online))).size, 1);
  const [first, ...others] = all;
  const before = serialOf(first.online);
  first.clock.advance(15 * DAY_MS - HOUR_MS + 2000);
  await untilNext(first.online);
  for (const { clock, online } of others) {
    clock.advance(15 * DAY_MS - HOUR_MS + 2000);
    await untilNext(online);
  }
  for (const { clock } of all) clock.advance(HOUR_MS);
  t.equal(new Set(all.map(({ online }) => serialOf(online))).size, 1);
  t.not(serialOf(first.online), before);
  t.equal(all.flatMap(({ logger }) => logger.of('online intermediate made')).length, 2);
});

t.test('a file that is none of ours ends the start, and changes nothing later', async (t) => {
  const { directory, online, clock, logger, open } = await setUp(t);
  const path = join(directory, 'online-intermediate.pem');
  const before = serialOf(online);
  writeFileSync(path, 'garbage');
  clock.advance(31_000);
  await logger.until('online intermediate cannot be renewed, the one in use stays');
  t.equal(serialOf(online), before);
  await t.rejects(open(), { code: 'ERR_SIGNER_INVALID', message: /online-intermediate\.pem/ });
  writeFileSync(path, readFileSync(join(directory, 'ca-cert.pem')));
  await t.rejects(open(), { code: 'ERR_SIGNER_INVALID', message: /list of online intermediates/ });
});

t.test('the next root has its intermediate while it is staged, and that signs when it is activated', async (t) => {
  const { directory, online, live, clock, logger } = await setUp(t);
  const first = online.current;
  t.match(await runSidecert(t, ['root', 'stage', directory]), { code: 0 });
  await live.reload();
  await logger.until('online intermediate made', 2);
  t.equal(online.current.bundle.size, 2);
  t.equal(online.current.signer, first.signer);
  while (online.signers.length < 2) await new Promise((resolve) => setImmediate(resolve));
  const ids = online.signers.map(({ material }) => material.id);
  t.match(await runSidecert(t, ['root', 'activate', directory, '--force']), { code: 0 });
  await live.reload();
  t.ok(ids.includes(online.current.signer.material.id), 'its list could be signed before');
  t.not(online.current.signer, first.signer);
  t.not(online.current.authorityId, first.authorityId);
  t.match(judge(t, online, 'spiffe://cluster.local/ns/foo/sa/sleep').leaf, { status: 0 });
  t.match(await runSidecert(t, ['root', 'abort', directory, '--force']), { code: 0 });
  await live.reload();
  t.equal(online.current.signer.material.id, first.signer.material.id, 'back to the one before');
  clock.advance(31_000);
  t.equal(logger.of('online intermediate made').length, 2);
});
