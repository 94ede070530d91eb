import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import {
  cpSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { LiveAuthority } from '../../../src/citadel/authority/index.js';
import { TrustDomain } from '../../../src/pki/spiffe/index.js';
import { authorityDirectory } from '../../support/authority-files.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { shortDir } from '../../support/short-dir.js';
import { TestCa } from '../../support/test-ca.js';

const PROGRAM = fileURLToPath(new URL('../../../../dist/sidecert.js', import.meta.url));
const root = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, 'root', ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
};
const trustDomain = TrustDomain.parse('cluster.local');
const open = (directory: string) =>
  LiveAuthority.open({ directory, trustDomain, logger: new RecordingLogger(), now: Date.now });
const serials = (directory: string): string[] => {
  const text = readFileSync(join(directory, 'root-cert.pem'), 'utf8');
  return (text.match(/-----BEGIN[\s\S]+?-----END CERTIFICATE-----\n/g) ?? []).map(
    (pem) => new X509Certificate(pem).serialNumber,
  );
};
const signerOf = (directory: string): string =>
  new X509Certificate(readFileSync(join(directory, 'ca-cert.pem'))).serialNumber;
/** All private keys below it, each once. */
const keysIn = (directory: string): string[] => {
  const found = readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('key.pem') && lstatSync(join(directory, name)).isFile())
    .map((name) => readFileSync(join(directory, name), 'utf8'));
  return [...new Set(found)];
};

async function isWhole(t: Test, directory: string): Promise<void> {
  const { current } = await open(directory);
  t.equal(current.signer.certificate.serialNumber, signerOf(directory));
}

t.test('the root of a key in a token is not changed, and the refusal says how it is', (t) => {
  const old = TestCa.root('old');
  const directory = authorityDirectory(t, { signer: old, roots: [old] }, { 'ca-key.pem': undefined });
  const says =
    /ca-key\.pem missing, .*; the root of a key in a token \(--ca-key\) is changed by its certificates, by hand/;
  for (const command of ['status', 'stage', 'retire']) t.match(root(command, directory), { status: 1, stderr: says });
  t.end();
});

t.test('a whole change of the root, and each way back', async (t) => {
  const old = TestCa.root('old');
  const directory = authorityDirectory(t, { signer: old, roots: [old] });
  t.match(root('status', directory), {
    status: 0,
    stdout: /^change of the root: steady\nsigns: [0-9a-f]{64}\ntrusted: /,
  });

  t.match(root('stage', directory), {
    status: 0,
    stdout: /change of the root: staged since [\s\S]*sidecert root activate/,
  });
  t.equal(signerOf(directory), old.certificate.serialNumber, 'the old one signs');
  const both = serials(directory);
  t.equal(both.length, 2);
  await isWhole(t, directory);
  t.match(root('stage', directory), {
    status: 1,
    stderr: /ERR_ROTATION_REFUSED: stage: the change of the root is at staged/,
  });
  t.match(root('retire', directory), {
    status: 1,
    stderr: /retire: the change of the root is at staged, expected active/,
  });
  t.match(root('activate', directory), {
    status: 1,
    stderr: /no Citadel tells who would break, expected the --status-address of each/,
  });
  t.equal(signerOf(directory), old.certificate.serialNumber, 'a refused step changes nothing');

  t.match(root('activate', directory, '--force'), { status: 0, stdout: /active since [\s\S]*\(forced\)/ });
  t.not(signerOf(directory), old.certificate.serialNumber);
  t.same(serials(directory).sort(), [...both].sort());
  await isWhole(t, directory);
  t.match(root('abort', directory), { status: 0, stdout: /change of the root: staged/ });
  t.equal(signerOf(directory), old.certificate.serialNumber, 'the old one signs again');
  await isWhole(t, directory);
  t.match(root('activate', directory, '--force'), { status: 0 });
  t.match(root('retire', directory), { status: 1, stderr: /no Citadel tells/ });
  t.match(root('retire', directory, '--force'), { status: 0, stdout: /change of the root: steady/ });
  t.same(serials(directory), [signerOf(directory)]);
  await isWhole(t, directory);
  t.notOk(keysIn(directory).includes(String(old.privateKeyPem)), 'the old key is gone');
  t.equal(keysIn(directory).length, 1);
  const history = JSON.parse(root('status', directory, '-o', 'json').stdout).record.history;
  t.same(
    history.map(({ action }: { action: string }) => action),
    ['stage', 'activate', 'abort', 'activate', 'retire'],
  );

  t.match(root('stage', directory), { status: 0 });
  t.match(root('abort', directory, '--force'), { status: 0, stdout: /change of the root: steady/ });
  t.equal(serials(directory).length, 1);
  t.equal(keysIn(directory).length, 1);
});

t.test('the next authority may be one of another CA, below a root that is elsewhere', async (t) => {
  const [old, other] = [TestCa.root('old'), TestCa.root('other')];
  const middle = other.intermediate('middle');
  const directory = authorityDirectory(t, { signer: old, roots: [old] });
  const next = authorityDirectory(t, { signer: middle, chain: [middle], roots: [other] });
  t.match(root('stage', directory, '--from', next), { status: 0 });
  t.match(root('activate', directory, '--force'), { status: 0 });
  t.match(root('retire', directory, '--force'), { status: 0 });
  t.same(serials(directory), [other.certificate.serialNumber]);
  const { current } = await open(directory);
  t.same(current.intermediatesPem, [String(middle.certificatePem)]);
});

t.test('what cannot be done is told, and changes nothing', async (t) => {
  const old = TestCa.root('old');
  const directory = authorityDirectory(t, { signer: old, roots: [old] });
  const bad = authorityDirectory(t, { signer: TestCa.root('x'), roots: [old] });
  t.match(root('stage', directory, '--from', bad), { status: 1, stderr: /ERR_/ });
  t.match(root('stage', directory, '--from', directory), { status: 1, stderr: /one that is trusted already/ });
  t.match(root('stage', '/nowhere'), { status: 1, stderr: /CA directory \/nowhere: got no such file or directory/ });
  t.match(root('status', shortDir(t)), {
    status: 1,
    stderr: /ca-key\.pem.*missing, expected an authority in the files/,
  });
  t.match(root('turn', directory), { status: 2, stderr: /got "root turn", expected one of root status, root stage/ });
  t.match(root('activate', directory, '--status-address', join(directory, 'none')), { status: 1, stderr: /none/ });
  writeFileSync(join(directory, '.rotation-lock'), '');
  t.match(root('stage', directory), { status: 1, stderr: /another sidecert root is at work/ });
  rmSync(join(directory, '.rotation-lock'));
  t.same(serials(directory), [old.certificate.serialNumber]);
});

t.test('a power cut in the first change leaves a whole authority, and the next change goes on', async (t) => {
  const old = TestCa.root('old');
  const names = ['ca-cert.pem', 'ca-key.pem', 'cert-chain.pem', 'root-cert.pem'];
  // After so many files have become links to the first set.
  for (let done = 0; done <= names.length; done += 1) {
    const directory = authorityDirectory(t, { signer: old, roots: [old] });
    mkdirSync(join(directory, '.sets', 'first'), { recursive: true });
    for (const name of names) cpSync(join(directory, name), join(directory, '.sets', 'first', name));
    symlinkSync('.sets/first', join(directory, '.active'));
    for (const name of names.slice(0, done)) {
      rmSync(join(directory, name));
      symlinkSync(`.active/${name}`, join(directory, name));
    }
    await isWhole(t, directory);
    t.match(root('stage', directory), { status: 0 });
    for (const name of names) t.equal(readlinkSync(join(directory, name)), `.active/${name}`);
    t.equal(serials(directory).length, 2);
    await isWhole(t, directory);
    t.equal(readdirSync(join(directory, '.sets')).length, 1, 'no other set is left');
  }
});

t.test('keys beside the one that signs are found in a directory and in a store', async (t) => {
  const [signer, next, old] = [TestCa.root('signs'), TestCa.root('signs next'), TestCa.root('has signed')];
  const beside = {
    ...{ 'next-cert.pem': next.certificatePem, 'next-key.pem': next.privateKeyPem },
    ...{ 'old-cert.pem': old.certificatePem, 'old-key.pem': old.privateKeyPem },
  };
  const directory = authorityDirectory(t, { signer, roots: [signer] }, beside);
  const kept = readdirSync(directory).map((name) => [name, readFileSync(join(directory, name))] as const);
  const store = {
    name: 'a store',
    read: async () => new Map(kept.map(([name, content]) => [name, Buffer.from(content)])),
    create: async () => false,
  };
  const others = async (live: LiveAuthority): Promise<Buffer[]> =>
    (await live.otherSigners()).map(({ certificate }) => certificate.raw);
  const surroundings = { trustDomain, logger: new RecordingLogger(), now: Date.now };
  const both = [next.certificate.raw, old.certificate.raw];
  t.same(await others(await LiveAuthority.open({ ...surroundings, store })), both);
  t.same(await others(await LiveAuthority.open(surroundings)), [], 'in memory there is no change');
  const secret = shortDir(t);
  writeFileSync(join(secret, 'tls.crt'), signer.certificatePem);
  writeFileSync(join(secret, 'tls.key'), signer.privateKeyPem);
  writeFileSync(join(secret, 'ca.crt'), signer.certificatePem);
  t.same(await others(await open(secret)), [], 'nor is there in files of another layout');
  mkdirSync(join(directory, '.sets'));
  const set = shortDir(t);
  for (const [name, content] of kept) writeFileSync(join(set, name), content);
  cpSync(set, join(directory, '.sets', '1'), { recursive: true });
  symlinkSync('.sets/1', join(directory, '.active'));
  t.same(await others(await open(directory)), both);
});
