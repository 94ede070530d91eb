import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { MountedIdentity, type MountedIdentityOptions } from '../../../src/agent/secrets/mounted-identity.js';
import { SpiffeId, TrustDomain } from '../../../src/pki/spiffe/index.js';
import { Metric, MetricRegistry } from '../../../src/telemetry/index.js';
import { WallClockTimers } from '../../../src/timers/index.js';
import { FakeClock } from '../../support/fake-clock.js';
import { lookedFiles } from '../../support/looked-files.js';
import {
  istioFiles,
  LAYOUTS,
  type MountedFiles,
  mountedFiles,
  SLEEP,
  servedWhole,
  writeAsKubelet,
} from '../../support/mounted-identity.js';
import { seededRandom } from '../../support/prng.js';
import { shortDir } from '../../support/short-dir.js';
import { TestCa } from '../../support/test-ca.js';
import { Written } from '../../support/written.js';

const HOUR_MS = 3_600_000;

const WHOLE = { certificate: true, bundle: true };
const ROOTS_FIRST = { certificate: false, bundle: true };
const LEAF_THEN = { certificate: true, bundle: false };

/** An identity in a directory, which is looked at when the test says so. */
function setUp(t: Test, directory: string, options: Partial<MountedIdentityOptions> = {}) {
  const files = lookedFiles();
  const metrics = new MetricRegistry();
  const timers = new WallClockTimers(new FakeClock(files.clock.nowMs));
  t.teardown(() => timers.close());
  const identity = new MountedIdentity({
    ...files.surroundings,
    ...{ place: { directory }, trustDomain: TrustDomain.parse('cluster.local'), spiffeId: undefined },
    ...{ privateKeyProvider: undefined, metrics, logger: files.logger, timers },
    delivery: { delivered: async () => {} },
    ...options,
  });
  t.teardown(() => identity.close());
  const changes: { certificate: boolean; bundle: boolean }[] = [];
  identity.onChange((change) => changes.push(change));
  return { ...files, files, identity, metrics, changes };
}

function write(directory: string, files: Readonly<Record<string, Buffer>>): void {
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content);
}

for (const [name, filesOf] of Object.entries(LAYOUTS)) {
  t.test(`the layout of ${name}: key, chain and roots are served, with the SPIFFE ID of the certificate`, async (t) => {
    const directory = shortDir(t);
    const set = mountedFiles();
    write(directory, filesOf(set));
    const { identity, changes } = setUp(t, directory);
    await identity.open();
    t.equal(servedWhole(identity), set.serial);
    t.equal(identity.spiffeId?.toString(), SLEEP);
    t.match(identity.status(), { spiffeId: SLEEP, svid: 'valid', serial: set.serial, failures: 0 });
    t.strictSame(changes, [{ certificate: true, bundle: true }]);
  });
}

t.test('roots may be elsewhere, and a certificate need not have a SPIFFE ID', async (t) => {
  const [directory, rootFile] = [shortDir(t), join(shortDir(t), 'roots.pem')];
  const set = mountedFiles({ uris: ['https://sleep.test'] });
  write(directory, { 'credentialbundle.pem': Buffer.concat([set.key, set.chain]) });
  writeFileSync(rootFile, set.roots);
  const { identity } = setUp(t, directory, { place: { directory, rootFile } });
  await identity.open();
  t.equal(servedWhole(identity), set.serial);
  t.equal(identity.spiffeId, undefined);
});

/** Steps from one set to the next; after each, the files are looked at. */
type Update = (directory: string, next: MountedFiles, generation: string) => Iterable<void>;

function* inTurn(directory: string, files: Readonly<Record<string, Buffer>>, order: readonly string[]) {
  for (const name of order) {
    const content = files[name] ?? Buffer.alloc(0);
    writeFileSync(join(directory, `${name}.new`), content);
    renameSync(join(directory, `${name}.new`), join(directory, name));
    yield;
  }
}

const updates: Readonly<Record<string, Update>> = {
  'the kubelet swaps ..data': function* (directory, next, generation) {
    writeAsKubelet(directory, istioFiles(next), generation);
    yield;
  },
  'links lead over links to directories': function* (directory, next, generation) {
    mkdirSync(join(directory, generation));
    write(join(directory, generation), istioFiles(next));
    yield;
    for (const name of ['live', 'current']) {
      symlinkSync(name === 'live' ? generation : 'live', join(directory, `${name}.new`));
      renameSync(join(directory, `${name}.new`), join(directory, name));
      yield;
    }
    for (const name of Object.keys(istioFiles(next))) {
      rmSync(join(directory, name), { force: true });
      symlinkSync(join('current', name), join(directory, name));
      yield;
    }
  },
  'each file is renamed into place, the key first': (directory, next) =>
    inTurn(directory, istioFiles(next), ['key.pem', 'cert-chain.pem', 'root-cert.pem']),
  'each file is renamed into place, the chain first': (directory, next) =>
    inTurn(directory, istioFiles(next), ['cert-chain.pem', 'key.pem', 'root-cert.pem']),
  'each file is renamed into place, the roots first': (directory, next) =>
    inTurn(directory, istioFiles(next), ['root-cert.pem', 'cert-chain.pem', 'key.pem']),
  'each file is truncated and written in two parts': function* (directory, next) {
    for (const [name, content] of Object.entries(istioFiles(next))) {
      const path = join(directory, name);
      writeFileSync(path, '', { flag: 'a' });
      truncateSync(path);
      yield;
      writeFileSync(path, content.subarray(0, 100), { flag: 'r+' });
      yield;
      writeFileSync(path, content.subarray(100), { flag: 'a' });
      yield;
    }
  },
  'all are deleted, and come again late': function* (directory, next) {
    for (const name of readdirSync(directory)) {
      rmSync(join(directory, name), { recursive: true });
      yield;
    }
    rmSync(directory, { recursive: true });
    yield;
    mkdirSync(directory);
    yield;
    yield* inTurn(directory, istioFiles(next), ['key.pem', 'cert-chain.pem', 'root-cert.pem']);
  },
  'the directory itself becomes another one': function* (directory, next) {
    mkdirSync(`${directory}.next`);
    write(`${directory}.next`, istioFiles(next));
    rmSync(directory, { recursive: true });
    yield;
    renameSync(`${directory}.next`, directory);
    yield;
  },
};

for (const [name, update] of Object.entries(updates)) {
  t.test(`${name}: three times the new set is served, whole, and never half of one`, async (t) => {
    const directory = join(shortDir(t), 'certs');
    mkdirSync(directory);
    const { identity, look, changes } = setUp(t, directory);
    await identity.open();
    t.equal(servedWhole(identity), undefined, 'files that come late');
    const served = new Set<string | undefined>();
    const sets = [mountedFiles(), mountedFiles(), mountedFiles(), mountedFiles()];
    for (const [index, set] of sets.entries()) {
      for (const _ of update(directory, set, `g${index}`)) {
        await look();
        served.add(servedWhole(identity));
      }
      t.equal(servedWhole(identity), set.serial, `set ${index}`);
    }
    served.delete(undefined);
    t.strictSame(
      [...served],
      sets.map(({ serial }) => serial),
      'each once, in their order',
    );
    t.strictSame(
      changes,
      sets.flatMap((_, index) => (index === 0 ? [WHOLE] : [ROOTS_FIRST, LEAF_THEN])),
    );
    t.match(identity.status(), { svid: 'valid', failures: 0, lastFailure: undefined });
  });
}

t.test('files that are swapped while they are read are read again, though the mixture would hold', async (t) => {
  const directory = shortDir(t);
  const first = mountedFiles();
  const ca = TestCa.root('next');
  const second = { ...mountedFiles({ ca }), roots: Buffer.concat([first.roots, ca.certificatePem]) };
  writeAsKubelet(directory, istioFiles(first), 'a');
  let swap = (): void => {};
  const directories = {
    admission(path: string) {
      if (path.endsWith('root-cert.pem')) swap();
      return undefined;
    },
  };
  const { identity, look, logger, changes, clock } = setUp(t, directory, { directories });
  await identity.open();
  swap = () => {
    swap = () => {};
    writeAsKubelet(directory, istioFiles(second), 'b');
  };
  clock.nowMs += 60_000;
  await look();
  t.match(identity.status(), { serial: second.serial });
  t.strictSame(changes.slice(1), [ROOTS_FIRST, LEAF_THEN], 'one change, to the whole set');
  t.strictSame(logger.of('secret files refused, the last good content stays'), []);
});

t.test('a bind mount shows what its source becomes, and another mount over it is another file', async (t) => {
  const [source, other, target] = [shortDir(t), shortDir(t), shortDir(t)];
  const space = await mountSpace(t);
  if (space === undefined) return;
  const sets = [mountedFiles(), mountedFiles(), mountedFiles(), mountedFiles()] as const;
  write(source, istioFiles(sets[0]));
  space.bind(source, target);
  const { identity, look } = setUp(t, space.path(target));
  await identity.open();
  t.equal(servedWhole(identity), sets[0].serial);
  for (const _ of inTurn(source, istioFiles(sets[1]), Object.keys(istioFiles(sets[1])))) await look();
  t.equal(servedWhole(identity), sets[1].serial, 'renamed in the source');
  write(source, istioFiles(sets[2]));
  await look();
  t.equal(servedWhole(identity), sets[2].serial, 'written in the source');
  write(other, istioFiles(sets[3]));
  space.bind(other, target);
  await look();
  t.equal(servedWhole(identity), sets[3].serial, 'another directory over it');
});

/** A mount namespace of its own, that ends with the test; `undefined`, with the reason told, where there is none. */
async function mountSpace(t: Test) {
  const child = spawn('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', 'echo up; cat'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const isUp = await Promise.race([
    new Written(child.stdout, 'unshare').line('up').then(() => true),
    once(child, 'exit').then(() => false),
    once(child, 'error').then(() => false),
  ]);
  if (!isUp) {
    t.pass('# SKIP no mount namespace may be made here');
    return undefined;
  }
  t.teardown(async () => {
    const exited = once(child, 'exit');
    child.stdin?.end();
    await exited;
  });
  return {
    bind(source: string, target: string): void {
      const args = ['-t', String(child.pid), '-m', 'mount', '--bind', source, target];
      const { status, stderr } = spawnSync('nsenter', args);
      if (status !== 0) throw new Error(stderr.toString());
    },
    path: (target: string): string => `/proc/${child.pid}/root${target}`,
  };
}

t.test(
  'row 43: whatever is written, removed and renamed while files are read, a served set is a whole one',
  async (t) => {
    const seed = Date.now() % 2 ** 32;
    t.comment(`seed ${seed}`);
    const random = seededRandom(seed);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
    const directory = shortDir(t);
    // Pairs of one root, and roots that vouch for several: mixtures that would hold are among them.
    const ca = TestCa.root('shared');
    const sets = [mountedFiles({ ca }), mountedFiles({ ca }), mountedFiles(), mountedFiles()];
    const { identity, look, clock } = setUp(t, directory);
    await identity.open();
    const served = new Set<string>();
    let isOver = false;
    const writer = (async () => {
      for (let step = 0; step < 600; step++) {
        const [name, content] = pick(Object.entries(istioFiles(pick(sets))));
        const path = join(directory, name);
        if (random() < 0.2) await rm(path, { force: true });
        else if (random() < 0.5) await writeFile(path, content);
        else {
          await writeFile(`${path}.new`, content);
          await rename(`${path}.new`, path);
        }
      }
      isOver = true;
    })();
    while (!isOver) {
      clock.nowMs += 1000;
      await look();
      const serial = servedWhole(identity);
      if (serial !== undefined) served.add(serial);
    }
    await writer;
    const last = mountedFiles();
    write(directory, istioFiles(last));
    await look();
    t.equal(servedWhole(identity), last.serial);
    t.strictSame(
      [...served].filter((serial) => !sets.some((set) => set.serial === serial)),
      [],
    );
  },
);

const refusals: Readonly<Record<string, { files: (set: MountedFiles) => Record<string, Buffer>; says: RegExp }>> = {
  'row 37: a key of another certificate': {
    files: (set) => istioFiles({ ...set, key: mountedFiles().key }),
    says: /got the key of another certificate/,
  },
  'row 40: roots that the chain does not lead to': {
    files: (set) => istioFiles({ ...set, roots: TestCa.root('other').certificatePem }),
    says: /expected a path to one of the 1 certificates of the bundle/,
  },
  'a key without its chain': {
    files: (set) => ({ 'key.pem': set.key, 'root-cert.pem': set.roots }),
    says: /got no cert-chain.pem, expected it beside key.pem/,
  },
  'no roots': {
    files: (set) => ({ 'tls.key': set.key, 'tls.crt': set.chain }),
    says: /got no ca.crt, expected it beside tls.key/,
  },
  'files of two layouts': {
    files: (set) => ({ ...istioFiles(set), 'tls.key': set.key }),
    says: /got key.pem and tls.key, expected the key of one of them/,
  },
  'no file at all': { files: () => ({}), says: /got no key file, expected one of key.pem, tls.key, credentialbundle/ },
  'a SPIFFE ID of another trust domain': {
    files: () => istioFiles(mountedFiles({ uris: ['spiffe://other.example/a'] })),
    says: /got spiffe:\/\/other.example\/a, expected a SPIFFE ID of the trust domain cluster.local/,
  },
  'row 39: two SPIFFE IDs': {
    files: () => istioFiles(mountedFiles({ uris: [SLEEP, 'spiffe://cluster.local/b'] })),
    says: /got 2 SPIFFE IDs, expected one/,
  },
  'row 38: an expired certificate': {
    files: () => istioFiles(mountedFiles({ notBeforeMs: Date.now() - 2 * HOUR_MS, notAfterMs: Date.now() - HOUR_MS })),
    says: /got an expired one/,
  },
};
for (const [name, { files, says }] of Object.entries(refusals)) {
  t.test(`${name}: the last good set stays, and log, status and metrics say so`, async (t) => {
    const directory = shortDir(t);
    const good = mountedFiles();
    write(directory, istioFiles(good));
    const { identity, look, logger, metrics, clock } = setUp(t, directory);
    await identity.open();
    for (const file of readdirSync(directory)) rmSync(join(directory, file));
    write(directory, files(mountedFiles()));
    for (let count = 1; count <= 10; count++) {
      clock.nowMs += 1000;
      await look();
    }
    t.equal(servedWhole(identity), good.serial);
    const line = logger.of('secret files refused, the last good content stays');
    t.match(line[0], { level: 'warn', fields: { path: directory, error: says } });
    t.match(identity.status(), { svid: 'valid', serial: good.serial, failures: 10, lastFailure: { message: says } });
    const code = identity.status().lastFailure?.code ?? '';
    t.equal(metrics.counter(Metric.identityFilesRefused, { code }).value, 10);
  });
}

t.test('what is refused for longer than an update takes is an error', async (t) => {
  const directory = shortDir(t);
  write(directory, istioFiles(mountedFiles()));
  const { identity, look, logger, clock } = setUp(t, directory);
  await identity.open();
  rmSync(join(directory, 'key.pem'));
  const levels = async (): Promise<string[]> => {
    clock.nowMs += 61_000;
    await look();
    return logger.of('secret files refused, the last good content stays').map(({ level }) => level);
  };
  for (let count = 1; count < 10; count++) t.notOk((await levels()).includes('error'), `look ${count}`);
  t.equal((await levels()).at(-1), 'error');
});

t.test('only the workload that is named may have the files', async (t) => {
  const directory = shortDir(t);
  write(directory, istioFiles(mountedFiles()));
  const other = setUp(t, directory, { spiffeId: SpiffeId.parse('spiffe://cluster.local/ns/foo/sa/httpbin') });
  await other.identity.open();
  t.equal(servedWhole(other.identity), undefined);
  t.match(other.logger.of('secret files refused'), [
    { level: 'error', fields: { error: /got spiffe:.*\/sleep, expected spiffe:.*\/httpbin, by --namespace/ } },
  ]);
  const own = setUp(t, directory, { spiffeId: SpiffeId.parse(SLEEP) });
  await own.identity.open();
  t.ok(servedWhole(own.identity));
});

t.test('a new certificate of the same root leaves the bundle as it is', async (t) => {
  const directory = shortDir(t);
  const first = mountedFiles();
  write(directory, istioFiles(first));
  const { identity, look, changes } = setUp(t, directory);
  await identity.open();
  const bundle = identity.bundle();
  write(directory, istioFiles(mountedFiles({ ca: first.ca })));
  await look();
  t.equal(identity.bundle(), bundle);
  const certificate = identity.certificate();
  write(directory, { 'root-cert.pem': Buffer.concat([first.roots, TestCa.root('next').certificatePem]) });
  await look();
  t.equal(identity.certificate(), certificate);
  t.ok(certificate?.body.length, 'and its key has not been wiped');
  t.strictSame(changes.slice(1), [
    { certificate: true, bundle: false },
    { certificate: false, bundle: true },
  ]);
});

t.test('files are read again once a minute though nothing shows a change, and found the same', async (t) => {
  const directory = shortDir(t);
  write(directory, istioFiles(mountedFiles()));
  const { identity, look, clock, changes } = setUp(t, directory);
  await identity.open();
  const readAtMs = identity.goodAtMs;
  t.equal(readAtMs, clock.nowMs);
  clock.nowMs += 59_000;
  await look();
  t.equal(identity.goodAtMs, readAtMs);
  clock.nowMs += 1000;
  await look();
  t.equal(identity.goodAtMs, clock.nowMs);
  t.equal(changes.length, 1);
});

t.test(
  'a key that every user may read is told of when it is read, when its mode changes, and not once a minute',
  async (t) => {
    const directory = shortDir(t);
    write(directory, istioFiles(mountedFiles()));
    const key = join(directory, 'key.pem');
    chmodSync(key, 0o644);
    const { identity, look, clock, logger, changes } = setUp(t, directory);
    await identity.open();
    const warnings = async (): Promise<number> => {
      clock.nowMs += 61_000;
      await look();
      return logger.of('secret file is readable for all users').length;
    };
    t.equal(await warnings(), 1);
    t.equal(await warnings(), 1);
    chmodSync(key, 0o600);
    t.equal(await warnings(), 1);
    chmodSync(key, 0o604);
    t.equal(await warnings(), 2);
    t.equal(changes.length, 1);
  },
);

t.test('a certificate that nobody replaces is told of again and again, and is not served beyond its end', async (t) => {
  const directory = shortDir(t);
  const start = Date.now();
  write(directory, istioFiles(mountedFiles({ notBeforeMs: start, notAfterMs: start + 100 * HOUR_MS })));
  const { identity, look, logger, clock } = setUp(t, directory);
  await identity.open();
  const warnings = async (hours: number): Promise<number> => {
    clock.nowMs = start + hours * HOUR_MS;
    await look();
    return logger.of('mounted certificate is about to expire').length;
  };
  t.equal(await warnings(79), 0);
  t.equal(await warnings(80), 1);
  t.equal(await warnings(81), 1);
  t.equal(await warnings(95.5), 2);
  t.equal(await warnings(99.5), 3);
  t.ok(identity.hasValidSvid());
  t.equal(await warnings(100), 3);
  t.match(logger.of('mounted certificate has expired'), [{ level: 'error' }]);
  t.equal(identity.certificate(), undefined);
  t.ok(identity.bundle(), 'the bundle goes on');
  t.equal(identity.status().svid, 'expired');
});
