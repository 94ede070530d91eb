import { generateKeyPairSync, type KeyObject, randomBytes, X509Certificate } from 'node:crypto';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import t from 'tap';
import { CheckFailed } from '../../src/demo/checks/checklist.js';
import { expectNoKeyMaterial } from '../../src/demo/checks/file-scan.js';
import { scannedDirectories } from '../support/scanned-directories.js';

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ec384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const certificatePem = rootCertificates[0] ?? '';

const der = (key: KeyObject, type: 'pkcs8' | 'sec1' | 'pkcs1') =>
  key.export({ format: 'der', type } as never) as Buffer;
const pem = (key: KeyObject, type: 'pkcs8' | 'sec1' | 'pkcs1') =>
  Buffer.from(key.export({ format: 'pem', type } as never) as string);

const found = [
  { name: 'an EC key in PKCS#8 PEM', bytes: pem(ec.privateKey, 'pkcs8'), want: 'PEM private key' },
  { name: 'an EC key in SEC1 PEM', bytes: pem(ec.privateKey, 'sec1'), want: 'PEM private key' },
  { name: 'an RSA key in PKCS#1 PEM', bytes: pem(rsa.privateKey, 'pkcs1'), want: 'PEM private key' },
  { name: 'a P-256 key in PKCS#8 DER', bytes: der(ec.privateKey, 'pkcs8'), want: 'DER private key (PKCS#8, EC)' },
  { name: 'a P-384 key in PKCS#8 DER', bytes: der(ec384.privateKey, 'pkcs8'), want: 'DER private key (PKCS#8, EC)' },
  { name: 'a P-256 key in SEC1 DER', bytes: der(ec.privateKey, 'sec1'), want: 'DER private key (SEC1)' },
  { name: 'a P-384 key in SEC1 DER', bytes: der(ec384.privateKey, 'sec1'), want: 'DER private key (SEC1)' },
  { name: 'an RSA key in PKCS#8 DER', bytes: der(rsa.privateKey, 'pkcs8'), want: 'DER private key (PKCS#8, RSA)' },
  { name: 'an RSA key in PKCS#1 DER', bytes: der(rsa.privateKey, 'pkcs1'), want: 'DER private key (PKCS#1)' },
  { name: 'a certificate in PEM', bytes: Buffer.from(certificatePem), want: 'PEM certificate' },
  { name: 'a certificate in DER', bytes: new X509Certificate(certificatePem).raw, want: 'DER certificate' },
];
for (const { name, bytes, want } of found) {
  t.test(`the scan finds ${name}, wherever it lies in a file`, async (t) => {
    const amidst = Buffer.concat([Buffer.from('{"x":"'), bytes, Buffer.from('"}')]);
    for (const content of [bytes, amidst]) {
      const problem = await expectNoKeyMaterial(...scannedDirectories(t, content)).catch((error: unknown) => error);
      t.type(problem, CheckFailed);
      t.match(String(problem), `file: ${want}`);
    }
  });
}

const harmless = [
  { name: 'a public key', bytes: Buffer.from(ec.publicKey.export({ format: 'pem', type: 'spki' })) },
  { name: 'a public key in DER', bytes: rsa.publicKey.export({ format: 'der', type: 'spki' }) },
  { name: 'a log line', bytes: Buffer.from('{"level":"info","msg":"svid issued","serial":"00aa"}\n') },
  { name: 'a megabyte of noise', bytes: randomBytes(1024 * 1024) },
];
for (const { name, bytes } of harmless) {
  t.test(`the scan does not take ${name} for a key`, async (t) => {
    t.match(
      await expectNoKeyMaterial(...scannedDirectories(t, bytes)),
      `1 files with ${bytes.length} bytes read, none found`,
    );
  });
}

t.test('a scan reads the files of all folders, and says where it found what', async (t) => {
  const [workloads, citadel] = scannedDirectories(t, Buffer.from('nothing'));
  await mkdir(join(workloads, 'a', 'b'), { recursive: true });
  await writeFile(join(workloads, 'a', 'b', 'other'), 'nothing either');
  await symlink(join(workloads, 'file'), join(workloads, 'link'));
  t.match(
    await expectNoKeyMaterial(workloads, citadel),
    /^2 files with 21 bytes read/,
    'the link is not a file of its own',
  );
  await writeFile(join(workloads, 'a', 'b', 'leak'), certificatePem);
  const message = `found ${join('a', 'b', 'leak')}: PEM certificate`;
  await t.rejects(expectNoKeyMaterial(workloads, citadel), { message });
});

t.test('the check fails when a workload has a key on disk, and when the scan is blind', async (t) => {
  const directory = t.testdir();
  const [workloads, citadel] = [join(directory, 'workloads'), join(directory, 'citadel')];
  await mkdir(workloads);
  await mkdir(citadel);
  await t.rejects(expectNoKeyMaterial(workloads, citadel), CheckFailed, 'no key in the directory of the CA');
  await writeFile(join(citadel, 'ca-key.pem'), pem(ec.privateKey, 'pkcs8'));
  t.match(await expectNoKeyMaterial(workloads, citadel), /^0 files with 0 bytes read, none found/);
  await writeFile(join(workloads, 'leak'), pem(ec.privateKey, 'pkcs8'));
  await t.rejects(expectNoKeyMaterial(workloads, citadel), { message: 'found leak: PEM private key' });
});
