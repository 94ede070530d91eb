import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { LiveAuthority, type SigningAuthority } from '../../../src/citadel/authority/index.js';
import { TrustDomain } from '../../../src/pki/spiffe/index.js';
import { certificate, ecKeys, openssl, pem } from '../../hotpath/pki.js';
import { authorityDirectory, pemOf } from '../../support/authority-files.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { shortDir } from '../../support/short-dir.js';
import { TestCa } from '../../support/test-ca.js';

const HOUR_MS = 3_600_000;
const NAMES = ['ca-cert.pem', 'ca-key.pem', 'cert-chain.pem', 'root-cert.pem'];

async function open(
  directory?: string,
  { logger = new RecordingLogger(), now = Date.now, lookAgainMs = 1 } = {},
): Promise<SigningAuthority> {
  const trustDomain = TrustDomain.parse('mesh.example');
  const where = directory === undefined ? {} : { directory, lookAgainMs };
  return (await LiveAuthority.open({ ...where, trustDomain, logger, now })).current;
}

const rootDer = (authority: SigningAuthority) => authority.bundle.list().map(({ raw }) => raw.toString('hex'));

const root = TestCa.root('root');
const middle = root.intermediate('middle');
const issuing = middle.intermediate('issuing');
const whole = { signer: issuing, chain: [issuing, middle], roots: [root] };

t.test('a complete directory is used as it is', async (t) => {
  const directory = authorityDirectory(t, whole);
  const before = NAMES.map((name) => readFileSync(join(directory, name), 'utf8'));
  const logger = new RecordingLogger();
  const authority = await open(directory, { logger });
  t.same(authority.signer.certificate.raw, issuing.certificate.raw);
  t.same(rootDer(authority), [root.certificate.raw.toString('hex')]);
  t.same(
    authority.intermediatesPem.map(String),
    [issuing, middle].map(({ certificatePem }) => String(certificatePem)),
  );
  t.match(logger.lines, [
    { level: 'info', message: 'signing authority loaded', fields: { path: directory, bundle_size: 1 } },
  ]);
  t.same(readdirSync(directory).sort(), NAMES, 'nothing beside them');
  t.same(
    NAMES.map((name) => readFileSync(join(directory, name), 'utf8')),
    before,
  );
});

t.test('a CA key that every user may read, and a root in memory only, are told of', async (t) => {
  const directory = authorityDirectory(t, whole);
  chmodSync(join(directory, 'ca-key.pem'), 0o644);
  const [exposed, fleeting] = [new RecordingLogger(), new RecordingLogger()];
  await open(directory, { logger: exposed });
  t.match(exposed.of('CA key is readable for all users'), [{ fields: { path: join(directory, 'ca-key.pem') } }]);
  await open(undefined, { logger: fleeting });
  t.equal(fleeting.lines.filter(({ level }) => level === 'warn').length, 1);
  t.match(fleeting.text, /signing authority is in memory only/);
});

for (const missing of NAMES) {
  t.test(`a directory without ${missing} is refused, and nothing is made in its place`, async (t) => {
    const directory = authorityDirectory(t, whole, { [missing]: undefined });
    await t.rejects(open(directory), {
      code: 'ERR_SIGNER_INVALID',
      message: `CA directory ${directory}: ${missing} missing, expected all of ca-key.pem, ca-cert.pem, cert-chain.pem, root-cert.pem or none`,
    });
    t.same(
      readdirSync(directory).sort(),
      NAMES.filter((name) => name !== missing),
    );
  });
}

const ONLY_KEY = { 'ca-cert.pem': undefined, 'cert-chain.pem': undefined, 'root-cert.pem': undefined };

t.test('a key alone is refused, with what to do about it, and stays', async (t) => {
  const directory = authorityDirectory(t, whole, ONLY_KEY);
  const before = readFileSync(join(directory, 'ca-key.pem'), 'utf8');
  await t.rejects(open(directory), {
    code: 'ERR_SIGNER_INVALID',
    message: /root-cert\.pem missing, expected all .* or none; nothing was signed with .*: remove ca-key\.pem if it/,
  });
  t.equal(readFileSync(join(directory, 'ca-key.pem'), 'utf8'), before);
});

t.test('a first start that was cut off is completed by the next one, and by all that start at once', async (t) => {
  const directory = authorityDirectory(t, whole, ONLY_KEY);
  // As the first start leaves it: all files out of sight, and of those in sight some.
  cpSync(authorityDirectory(t, whole), join(directory, '.first-authority'), { recursive: true });
  const opened = await Promise.all([open(directory), open(directory), open(directory)]);
  const { serialNumber } = issuing.certificate;
  t.same(
    opened.map(({ signer }) => signer.certificate.serialNumber),
    [serialNumber, serialNumber, serialNumber],
  );
  t.same(readdirSync(directory).sort(), NAMES);
});

t.test('a key of another one is not completed by what a first start has left', async (t) => {
  const directory = authorityDirectory(t, whole, ONLY_KEY);
  const other = TestCa.root('other');
  const first = authorityDirectory(t, { signer: other, roots: [other] });
  cpSync(first, join(directory, '.first-authority'), { recursive: true });
  const before = readFileSync(join(directory, 'ca-key.pem'), 'utf8');
  await t.rejects(open(directory), { code: 'ERR_SIGNER_INVALID', message: /missing, expected all/ });
  t.equal(readFileSync(join(directory, 'ca-key.pem'), 'utf8'), before);
});

t.test('all that is missing is named at once', async (t) => {
  const gone = { 'ca-key.pem': undefined, 'root-cert.pem': undefined };
  await t.rejects(open(authorityDirectory(t, whole, gone)), { message: /: ca-key\.pem, root-cert\.pem missing/ });
});

const stranger = TestCa.root('stranger');
const ended = { notBeforeMs: Date.now() - 2 * HOUR_MS, notAfterMs: Date.now() - HOUR_MS };
const early = { notBeforeMs: Date.now() + HOUR_MS, notAfterMs: Date.now() + 2 * HOUR_MS };
const endedRoot = TestCa.root('ended root', ended);
const endedMiddle = root.intermediate('ended middle', ended);
const noCa = ecKeys();
const around = { notBeforeMs: Date.now() - HOUR_MS, notAfterMs: Date.now() + HOUR_MS };
const noCaPem = pem(certificate({ keys: noCa, subject: 'no ca', issuer: namedKeys(root), ...around }));
const belowNoCa = ecKeys();
const belowNoCaPem = pem(
  certificate({
    ...{ keys: belowNoCa, subject: 'below', isCa: true },
    issuer: { keys: noCa, subject: 'no ca' },
    ...around,
  }),
);

function namedKeys({ keys, certificate: { subject } }: TestCa) {
  return { keys, subject: subject.replace('O=', '') };
}

function keyPem({ privateKey }: ReturnType<typeof ecKeys>): string {
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

const ED25519_KEY = openssl(['genpkey', '-algorithm', 'ed25519']);
/** How it is said that peers would refuse the leaves: the certificate that is in the way, and why. */
const inTheWay = (name: string, why: string): RegExp =>
  new RegExp(`^CA directory .+: peers would refuse what is issued, for certificate "O=${name}" has ${why}, expected `);

const broken = [
  {
    name: 'a key of another certificate',
    ...{ parts: whole, changes: { 'ca-key.pem': stranger.privateKeyPem } },
    says: /^CA directory .+: ca-key\.pem: got another private key than that of ca-cert\.pem$/,
  },
  {
    name: 'a key of a kind that we do not sign with',
    ...{ parts: whole, changes: { 'ca-key.pem': ED25519_KEY } },
    says: /ca-key\.pem: got a private key of type ed25519, expected ec or rsa/,
  },
  {
    name: 'a key that is none',
    parts: whole,
    changes: { 'ca-key.pem': 'no key' },
    says: /ca-key\.pem: got no PEM block/,
  },
  { name: 'an empty key', parts: whole, changes: { 'ca-key.pem': '' }, says: /ca-key\.pem: got an empty text/ },
  {
    name: 'a signing certificate that is none',
    ...{ parts: whole, changes: { 'ca-cert.pem': 'no certificate' } },
    says: /^CA directory .+: ca-cert\.pem: got no PEM block/,
  },
  {
    name: 'a signing certificate that is no CA',
    ...{ parts: whole, changes: { 'ca-cert.pem': noCaPem, 'ca-key.pem': keyPem(noCa) } },
    says: /got no CA certificate, expected basicConstraints CA:TRUE/,
  },
  {
    name: 'a signing certificate that has ended',
    parts: { signer: root.intermediate('old', ended), roots: [root] },
    says: inTheWay('old', 'an expired certificate, notAfter .+'),
  },
  {
    name: 'a signing certificate of tomorrow',
    parts: { signer: root.intermediate('new', early), roots: [root] },
    says: inTheWay('new', 'a certificate that is not yet valid, notBefore .+'),
  },
  {
    name: 'a root that has ended',
    parts: { signer: endedRoot.intermediate('child'), roots: [endedRoot] },
    says: inTheWay('ended root', 'an expired certificate, notAfter .+'),
  },
  {
    name: 'a self-signed root that has ended',
    parts: { signer: endedRoot, roots: [endedRoot] },
    says: inTheWay('ended root', 'an expired certificate, notAfter .+'),
  },
  {
    name: 'an intermediate that has ended',
    ...{
      parts: { signer: endedMiddle.intermediate('child'), chain: [endedMiddle], roots: [root] },
      says: inTheWay('ended middle', 'an expired certificate, notAfter .+'),
    },
  },
  {
    name: 'an intermediate that is no CA',
    parts: { signer: root, roots: [root] },
    changes: { 'ca-cert.pem': belowNoCaPem, 'ca-key.pem': keyPem(belowNoCa), 'cert-chain.pem': noCaPem },
    says: inTheWay('no ca', 'no CA certificate'),
  },
  {
    name: 'an intermediate left out',
    parts: { signer: issuing, chain: [issuing], roots: [root] },
    says: inTheWay('issuing', 'issuer "O=middle"'),
  },
  {
    name: 'the roots of somebody else',
    parts: { ...whole, roots: [stranger] },
    says: inTheWay('middle', 'issuer "O=root"'),
  },
  {
    name: 'a root of the right name and another key',
    ...{ parts: { ...whole, roots: [TestCa.root('root')] }, says: inTheWay('middle', 'issuer "O=root"') },
  },
  {
    name: 'a chain with a block that is no certificate',
    parts: whole,
    changes: {
      'cert-chain.pem': `${pemOf([issuing])}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`,
    },
    says: /cert-chain\.pem: certificate 2 does not parse/,
  },
] as const;

for (const { name, parts, says, ...more } of broken) {
  t.test(`refused: ${name}`, async (t) => {
    const directory = authorityDirectory(t, parts, 'changes' in more ? more.changes : {});
    await t.rejects(open(directory), { code: 'ERR_SIGNER_INVALID', message: says });
  });
}

const badRoots = [
  { name: 'no root', content: '', says: /^CA directory .+: trust bundle: got an empty text, expected a PEM block/ },
  {
    name: 'a root that is no CA',
    content: noCaPem,
    says: /certificate 1: got no CA certificate, expected basicConstraints CA:TRUE/,
  },
];

for (const { name, content, says } of badRoots) {
  t.test(`refused: ${name}`, async (t) => {
    const directory = authorityDirectory(t, whole, { 'root-cert.pem': content });
    await t.rejects(open(directory), { code: 'ERR_BUNDLE_INVALID', message: says });
  });
}

t.test('the path may be found whatever the order of the chain, and through a cross-signed intermediate', async (t) => {
  const shuffled = await open(authorityDirectory(t, { ...whole, chain: [middle, issuing] }));
  const inOrder = [issuing, middle].map(({ certificatePem }) => String(certificatePem));
  t.same(shuffled.intermediatesPem, inOrder);
  const other = TestCa.root('other root', ended);
  const crossed = pem(
    certificate({ keys: middle.keys, subject: 'middle', issuer: namedKeys(other), isCa: true, ...around }),
  );
  const chain = Buffer.concat([pemOf([issuing]), crossed, pemOf([middle])]);
  const directory = authorityDirectory(t, { ...whole, roots: [other, root] }, { 'cert-chain.pem': chain });
  t.same((await open(directory)).intermediatesPem, inOrder, 'what leads to no root is left out');
});

/** A root, an intermediate and a signing certificate by openssl, two of them with a limit to the CAs below. */
function limited(t: Test, rootLimit: string, middleLimit: string): string {
  const directory = shortDir(t);
  const file = (name: string): string => join(directory, name);
  const make = (name: string, constraint: string, issuer?: string): void => {
    const by = issuer === undefined ? [] : ['-CA', file(`${issuer}.pem`), '-CAkey', file(`${issuer}.key`)];
    openssl([
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'],
      ...['-subj', `/O=${name}`, '-keyout', file(`${name}.key`), '-out', file(`${name}.pem`), ...by],
      ...['-addext', `basicConstraints=critical,${constraint}`],
    ]);
  };
  make('top', `CA:TRUE${rootLimit}`);
  make('middle', `CA:TRUE${middleLimit}`, 'top');
  make('signer', 'CA:TRUE', 'middle');
  make('leaf', 'CA:FALSE', 'signer');
  const read = (name: string) => readFileSync(file(name));
  return authorityDirectory(t, whole, {
    ...{ 'ca-cert.pem': read('signer.pem'), 'ca-key.pem': read('signer.key'), 'root-cert.pem': read('top.pem') },
    'cert-chain.pem': Buffer.concat([read('signer.pem'), read('middle.pem')]),
    'leaf.pem': read('leaf.pem'),
  });
}

const limits = [
  { root: ',pathlen:2', middle: ',pathlen:1', isPath: true },
  { root: '', middle: ',pathlen:1', isPath: true },
  { root: '', middle: ',pathlen:0', isPath: false },
  { root: ',pathlen:1', middle: '', isPath: false },
  { root: ',pathlen:0', middle: '', isPath: false },
];

for (const { root: top, middle: below, isPath } of limits) {
  t.test(`a root${top} above an intermediate${below} ${isPath ? 'leads' : 'does not lead'} to a CA`, async (t) => {
    const directory = limited(t, top, below);
    const opening = open(directory);
    if (isPath) await t.resolves(opening);
    else await t.rejects(opening, { code: 'ERR_SIGNER_INVALID', message: /has pathlen \d above \d CAs, expected/ });
    // openssl says the same of a leaf.
    const files = ['root-cert.pem', 'cert-chain.pem', 'leaf.pem'].map((name) => join(directory, name));
    const [rootFile = '', chainFile = '', leafFile = ''] = files;
    const verdict = () => openssl(['verify', '-CAfile', rootFile, '-untrusted', chainFile, leafFile]);
    if (isPath) t.match(verdict(), /: OK/);
    else t.throws(verdict);
  });
}

t.test('a signing certificate may itself be what peers trust', async (t) => {
  const authority = await open(authorityDirectory(t, { signer: issuing, roots: [issuing] }));
  t.equal(authority.notAfterMs, Date.parse(issuing.certificate.validTo));
});

t.test('two certificates that sign each other lead nowhere, and do so at once', async (t) => {
  const [one, two] = [ecKeys(), ecKeys()];
  const first = { keys: one, subject: 'one' };
  const second = { keys: two, subject: 'two' };
  const ofFirst = pem(certificate({ ...first, issuer: second, isCa: true, ...around }));
  const ofSecond = pem(certificate({ ...second, issuer: first, isCa: true, ...around }));
  const directory = authorityDirectory(t, whole, {
    ...{ 'ca-cert.pem': ofFirst, 'ca-key.pem': keyPem(one) },
    'cert-chain.pem': Buffer.concat([ofFirst, ofSecond]),
  });
  await t.rejects(open(directory), { code: 'ERR_SIGNER_INVALID', message: inTheWay('two', 'issuer "O=one"') });
});

t.test('an empty directory gets a P-256 root, and a restart keeps it', async (t) => {
  const directory = join(shortDir(t), 'made', 'here');
  const logger = new RecordingLogger();
  const made = await open(directory, { logger });
  t.equal(logger.of('signing authority created').length, 1);
  const again = await open(directory, { logger });
  t.equal(logger.of('signing authority loaded').length, 1);
  t.same(rootDer(again), rootDer(made));
  t.same(again.signer.material.id, made.signer.material.id);
  t.same([...made.intermediatesPem, ...again.intermediatesPem], []);
});

t.test('ten that start at once in an empty directory all use the root that one of them makes', async (t) => {
  const directory = join(shortDir(t), 'ca');
  const logger = new RecordingLogger();
  // As long as Citadel does: it may take the disk a while to have four files.
  const opened = await Promise.all(Array.from({ length: 10 }, () => open(directory, { logger, lookAgainMs: 100 })));
  t.equal(new Set(opened.map(({ signer }) => signer.material.id)).size, 1);
  t.equal(logger.of('signing authority created').length, 1);
  t.equal(logger.of('signing authority loaded').length, 9);
  t.same(readdirSync(directory).sort(), NAMES, 'nothing beside them');
});

t.test('a directory that another process is still writing is taken when it is whole', async (t) => {
  const directory = authorityDirectory(t, whole, { 'root-cert.pem': undefined });
  const opening = open(directory);
  writeFileSync(join(directory, 'new'), root.certificatePem);
  renameSync(join(directory, 'new'), join(directory, 'root-cert.pem'));
  t.same((await opening).signer.certificate.raw, issuing.certificate.raw);
});

t.test('a self-made root is as openssl wants one, and its files are for nobody else', async (t) => {
  const directory = join(shortDir(t), 'ca');
  await open(directory);
  const mode = (name: string) => (statSync(join(directory, name)).mode & 0o777).toString(8);
  t.equal(mode('ca-key.pem'), '600');
  t.equal(mode('.'), '700');
  t.same(readdirSync(directory).sort(), NAMES, 'nothing beside them');
  const text = openssl(['x509', '-in', join(directory, 'ca-cert.pem'), '-text', '-noout']);
  t.match(text, /Issuer: O = mesh\.example\n/);
  t.match(text, /Subject: O = mesh\.example\n/);
  t.match(text, /NIST CURVE: P-256/);
  t.match(text, /Basic Constraints: critical\s+CA:TRUE/);
  t.match(text, /Key Usage: critical\s+Certificate Sign, CRL Sign/);
  const rootFile = join(directory, 'root-cert.pem');
  t.match(openssl(['verify', '-x509_strict', '-CAfile', rootFile, join(directory, 'ca-cert.pem')]), /: OK/);
  const publicKey = openssl(['pkey', '-in', join(directory, 'ca-key.pem'), '-pubout']);
  t.equal(publicKey, openssl(['x509', '-in', rootFile, '-pubkey', '-noout']));
  t.equal(readFileSync(join(directory, 'cert-chain.pem'), 'utf8'), '');
});

t.test('a self-made root lives for ten years from two minutes ago', async (t) => {
  const nowMs = Date.UTC(2026, 10, 24, 12);
  const { signer, notAfterMs } = await open(undefined, { now: () => nowMs });
  const tenYearsMs = 3650 * 24 * HOUR_MS;
  t.equal(Date.parse(signer.certificate.validFrom), nowMs - 120_000);
  t.equal(Date.parse(signer.certificate.validTo), nowMs + tenYearsMs);
  t.equal(notAfterMs, nowMs + tenYearsMs);
});

t.test('without a directory each start has a root of its own', async (t) => {
  t.notSame(rootDer(await open()), rootDer(await open()));
});

t.test('a directory that cannot be made or written is told, with the reason of the system', async (t) => {
  const file = join(shortDir(t), 'file');
  writeFileSync(file, '');
  await t.rejects(open(join(file, 'ca')), {
    code: 'ERR_SIGNER_INVALID',
    message: /^CA directory .+\/file\/ca: got not a directory \(ENOTDIR\), expected one that can be written/,
  });
});

/** The same authority as a Kubernetes TLS secret has it, with the hidden links of a mounted volume. */
function tlsSecret(t: Test, changes: Readonly<Record<string, Buffer | string | undefined>> = {}): string {
  const absent = Object.fromEntries(NAMES.map((name) => [name, undefined]));
  const directory = authorityDirectory(t, whole, {
    ...absent,
    'tls.crt': pemOf([issuing, middle]),
    'tls.key': issuing.privateKeyPem,
    'ca.crt': root.certificatePem,
    ...changes,
  });
  mkdirSync(join(directory, '..2026_11_30'));
  return directory;
}

t.test('a directory in the layout of a Kubernetes TLS secret is used as it is', async (t) => {
  const directory = tlsSecret(t);
  const before = readdirSync(directory);
  const authority = await open(directory);
  t.same(authority.signer.certificate.raw, issuing.certificate.raw);
  t.same(rootDer(authority), [root.certificate.raw.toString('hex')]);
  t.same(
    authority.intermediatesPem.map(String),
    [issuing, middle].map(({ certificatePem }) => String(certificatePem)),
  );
  t.same(readdirSync(directory), before, 'nothing beside them');
  await t.rejects(open(tlsSecret(t, { 'ca.crt': undefined })), {
    code: 'ERR_SIGNER_INVALID',
    message: /: ca\.crt missing, expected all of tls\.key, tls\.crt, ca\.crt or none$/,
  });
  await t.rejects(open(tlsSecret(t, { 'tls.key': stranger.privateKeyPem })), {
    message: /: tls\.key: got another private key than that of tls\.crt$/,
  });
});

t.test('no root is made in a directory that has other files, whatever they are', async (t) => {
  for (const name of ['ca.pem', 'tls.pem', 'server.key', 'notes.txt']) {
    const directory = shortDir(t);
    writeFileSync(join(directory, name), 'x');
    await t.rejects(open(directory), {
      code: 'ERR_SIGNER_INVALID',
      message: `CA directory ${directory}: got no authority among ${name}, expected ca-key.pem, ca-cert.pem, cert-chain.pem, root-cert.pem, or tls.key, tls.crt, ca.crt, or no file at all`,
    });
    t.same(readdirSync(directory), [name]);
  }
  await t.rejects(open(tlsSecret(t, { 'ca-key.pem': issuing.privateKeyPem })), {
    message: /got the files of two auth/,
  });
  const fresh = shortDir(t);
  mkdirSync(join(fresh, 'lost+found'));
  t.ok(await open(fresh), 'but in the root of a new volume');
});

t.test('an encrypted key is called so, by its file', async (t) => {
  const encrypted = (type: 'pkcs8' | 'sec1'): string =>
    issuing.keys.privateKey.export({ type, format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }).toString();
  for (const type of ['pkcs8', 'sec1'] as const) {
    await t.rejects(open(authorityDirectory(t, whole, { 'ca-key.pem': encrypted(type) })), {
      code: 'ERR_SIGNER_INVALID',
      message: /: ca-key\.pem: got an encrypted private key, expected one without a passphrase$/,
    });
  }
});

t.test('roots that expire leave the answers as their time comes, but the last', async (t) => {
  const soon = { notBeforeMs: Date.now() - HOUR_MS, notAfterMs: Date.now() + HOUR_MS };
  const passing = TestCa.root('passing', soon);
  const lasting = TestCa.root('lasting', { ...soon, notAfterMs: Date.now() + 3 * HOUR_MS });
  const past = TestCa.root('past', ended);
  const logger = new RecordingLogger();
  const directory = authorityDirectory(t, { signer: lasting, roots: [past, passing, lasting] });
  const authority = await open(directory, { logger });
  const bundleAt = (nowMs: number): string => authority.issuersPemAt(nowMs).at(-1) ?? '';
  t.equal(bundleAt(Date.now()), String(pemOf([passing, lasting])));
  t.equal(authority.issuersPemAt(Date.now()), authority.issuersPemAt(Date.now()), 'the same array');
  t.equal(bundleAt(soon.notAfterMs + 1000), String(pemOf([lasting])));
  t.equal(bundleAt(Date.parse(lasting.certificate.validTo) + 1000), String(pemOf([lasting])), 'never empty');
  t.equal(logger.of('expired roots are left out of the trust bundle').length, 1);
});

t.test('a file that cannot be read is told by its path', async (t) => {
  const directory = authorityDirectory(t, whole, { 'ca-key.pem': undefined });
  mkdirSync(join(directory, 'ca-key.pem'));
  await t.rejects(open(directory), {
    code: 'ERR_SIGNER_INVALID',
    message: /ca-key\.pem: got a directory, expected a regular file/,
  });
});

t.test('no log line and no error has the key', async (t) => {
  const logger = new RecordingLogger();
  const directory = authorityDirectory(t, whole);
  const { signer } = await open(directory, { logger });
  const key = readFileSync(join(directory, 'ca-key.pem'), 'utf8').split('\n')[1] ?? '';
  t.notOk(`${logger.text}${JSON.stringify(signer)}`.includes(key));
  writeFileSync(join(directory, 'ca-cert.pem'), stranger.certificatePem);
  const error: unknown = await open(directory).catch((reason: unknown) => reason);
  t.notOk(String(error instanceof Error ? error.stack : error).includes(key));
});
