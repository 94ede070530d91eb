import { execFileSync } from 'node:child_process';
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { ocspResponse } from '../../support/ocsp-response.js';
import { OfficialSecrets } from '../../support/official-secrets.js';
import type { SdsResponse } from '../../support/sds-client.js';
import { startSidecarAgent } from '../../support/sidecar-agent.js';
import { TestCa } from '../../support/test-ca.js';

const official = new OfficialSecrets();
const DAY_MS = 24 * 3600_000;

interface Pair {
  readonly certPem: Buffer;
  readonly keyPem: Buffer;
}

/** A directory as the kubelet keeps it: the files are links through `..data`, which one rename swaps. */
class KubeletVolume {
  #generation = 0;

  constructor(readonly directory: string) {
    mkdirSync(directory, { recursive: true });
  }

  write(files: Readonly<Record<string, string | Buffer>>): void {
    const next = `..generation_${this.#generation++}`;
    mkdirSync(join(this.directory, next));
    for (const [name, content] of Object.entries(files)) {
      writeFileSync(join(this.directory, next, name), content);
      if (this.#generation === 1) symlinkSync(join('..data', name), join(this.directory, name));
    }
    symlinkSync(next, join(this.directory, '..data_tmp'));
    renameSync(join(this.directory, '..data_tmp'), join(this.directory, '..data'));
    rmSync(join(this.directory, `..generation_${this.#generation - 2}`), { recursive: true, force: true });
  }
}

const filesOf = ({ certPem, keyPem }: Pair) => ({ 'tls.crt': certPem, 'tls.key': keyPem });
const certificateName = (directory: string): string => `file-cert:${directory}/tls.crt~${directory}/tls.key`;

function servedPair({ secrets }: SdsResponse): { leaf: X509Certificate; isPair: boolean } {
  const { certificateChain, privateKey } = secrets[0]?.tlsCertificate ?? {};
  const leaf = new X509Certificate(Buffer.from(certificateChain?.inlineBytes ?? []));
  return { leaf, isPair: leaf.checkPrivateKey(createPrivateKey(Buffer.from(privateKey?.inlineBytes ?? []))) };
}

async function start(t: Test, more: Readonly<Record<string, string | readonly string[]>> = {}) {
  const directory = join(t.testdir(), 'certs');
  const volume = new KubeletVolume(directory);
  const agent = await startSidecarAgent(t, { flags: { 'secret-dir': directory, ...more } });
  return { directory, volume, ...agent };
}

t.test(
  'a pair of files is served under the name of its paths, and followed through three swaps of ..data',
  async (t) => {
    const { directory, volume, ask } = await start(t);
    const ca = TestCa.root();
    let pair = ca.server();
    volume.write(filesOf(pair));
    const { stream, response } = await ask(certificateName(directory));
    t.match(servedPair(response), { leaf: { raw: new X509Certificate(pair.certPem).raw }, isPair: true });
    for (let swap = 0; swap < 3; swap += 1) {
      pair = ca.server();
      volume.write(filesOf(pair));
      const changed = await stream.expectResponse();
      stream.ack(changed);
      t.match(servedPair(changed), { leaf: { raw: new X509Certificate(pair.certPem).raw }, isPair: true });
    }
    await stream.expectSilence();
  },
);

t.test('row 43: certificate and key that are replaced one after the other are never served mixed', async (t) => {
  const { directory, ask, logger } = await start(t);
  const [old, next] = [TestCa.root().server(), TestCa.root().server()];
  const [cert, key] = [join(directory, 'tls.crt'), join(directory, 'tls.key')];
  writeFileSync(cert, old.certPem);
  writeFileSync(key, old.keyPem);
  const { stream } = await ask(certificateName(directory));
  writeFileSync(cert, next.certPem);
  const line = await logger.until('secret files refused, the last good content stays');
  t.match(line.fields, { error: 'certificate: got the key of another certificate, expected that of the first one' });
  await stream.expectSilence();
  writeFileSync(key, next.keyPem);
  t.match(servedPair(await stream.expectResponse()), {
    leaf: { raw: new X509Certificate(next.certPem).raw },
    isPair: true,
  });
});

t.test('the key of a file is served as PKCS#8 whatever form it has, and a whole chain leaf first', async (t) => {
  const { directory, ask } = await start(t);
  const root = TestCa.root();
  const intermediate = root.intermediate();
  const { certPem, keyPem } = intermediate.server();
  const sec1 = createPrivateKey(keyPem).export({ type: 'sec1', format: 'pem' });
  const parameters = execFileSync('openssl', ['ecparam', '-name', 'prime256v1']);
  const chain = `junk\n${certPem}bag attributes\n${intermediate.certificatePem}`;
  writeFileSync(join(directory, 'tls.crt'), chain);
  writeFileSync(join(directory, 'tls.key'), `${parameters}${sec1}`);
  const { response } = await ask(certificateName(directory));
  t.ok(servedPair(response).isPair);
  const { certificateChain, privateKey } = response.secrets[0]?.tlsCertificate ?? {};
  t.equal(Buffer.from(certificateChain?.inlineBytes ?? []).toString(), `${certPem}${intermediate.certificatePem}`);
  t.equal(Buffer.from(privateKey?.inlineBytes ?? []).toString(), keyPem.toString());
});

const small = generateKeyPairSync('rsa', { modulusLength: 1024 });
const ended = { notBeforeMs: Date.now() - 2 * DAY_MS, notAfterMs: Date.now() - DAY_MS };
const future = { notBeforeMs: Date.now() + DAY_MS, notAfterMs: Date.now() + 2 * DAY_MS };
const good = TestCa.root().server();
const encrypted = createPrivateKey(good.keyPem).export({
  type: 'pkcs8',
  format: 'pem',
  cipher: 'aes-256-cbc',
  passphrase: 'x',
});
const bad: readonly { what: string; pair: Partial<Record<keyof Pair, string | Buffer>>; reason: RegExp }[] = [
  {
    what: 'no certificate',
    pair: { certPem: '' },
    reason: /certificate file: got an empty text, expected a PEM block CERTIFICATE/,
  },
  { what: 'no key', pair: { keyPem: '' }, reason: /key file: got an empty text, expected a PEM block PRIVATE KEY/ },
  {
    what: 'a certificate for a key',
    pair: { keyPem: good.certPem },
    reason: /key file: got only blocks of kind "CERTIFICATE"/,
  },
  {
    what: 'an encrypted key',
    pair: { keyPem: encrypted as string },
    reason: /key file: got an encrypted private key, expected one without a passphrase/,
  },
  { what: 'another key', pair: { keyPem: TestCa.root().server().keyPem }, reason: /the key of another certificate/ },
  {
    what: 'an ended certificate',
    pair: TestCa.root().server(ended),
    reason: /got an expired one, of .*, expected one that is valid now/,
  },
  {
    what: 'one of tomorrow',
    pair: TestCa.root().server(future),
    reason: /got one that is not yet valid, of .*, expected one that is valid/,
  },
  {
    what: 'a small RSA key',
    pair: {
      certPem: TestCa.root().leaf(small),
      keyPem: small.privateKey.export({ type: 'pkcs1', format: 'pem' }) as string,
    },
    reason: /an RSA key of 1024 bits, expected RSA of at least 2048 bits/,
  },
  { what: 'a file of two megabytes', pair: { certPem: Buffer.alloc(2 << 20, 'x') }, reason: /got 2097152 bytes/ },
];

t.test('a pair that Envoy or its peers would refuse is not served, and the log says which file and why', async (t) => {
  const { directory, ask, connect, logger } = await start(t);
  const stream = connect();
  const names = bad.map((_, index) => join(directory, String(index)));
  for (const [index, { pair }] of bad.entries()) {
    const place = names[index] ?? '';
    mkdirSync(place);
    writeFileSync(join(place, 'tls.crt'), pair.certPem ?? good.certPem);
    writeFileSync(join(place, 'tls.key'), pair.keyPem ?? good.keyPem);
  }
  stream.request({ names: [...names.map(certificateName), 'default'], nodeId: 'test' });
  t.same((await stream.expectResponse()).names, ['default'], 'the others are unharmed');
  await logger.until('secret files refused', bad.length);
  for (const [index, { what, reason }] of bad.entries()) {
    const line = logger
      .of('secret files refused')
      .find(({ fields }) => fields.path?.toString().includes(names[index] ?? '?'));
    t.match(line?.fields, { code: 'ERR_SECRET_FILE_INVALID', error: reason }, what);
  }
  t.notMatch(logger.text, /-----|[A-Za-z0-9+/]{60}==?/);
  const { response } = await ask('default');
  t.same(response.names, ['default']);
});

t.test('files outside of the allowed directories are never served, whatever way leads there', async (t) => {
  const base = t.testdir();
  const [inside, outside] = [join(base, 'in'), join(base, 'out')];
  for (const one of [inside, outside, `${inside}side`]) mkdirSync(one);
  const root = TestCa.root().certificatePem;
  for (const one of [inside, outside, `${inside}side`]) writeFileSync(join(one, 'root.pem'), root);
  symlinkSync(join(outside, 'root.pem'), join(inside, 'link.pem'));
  symlinkSync(outside, join(inside, 'directory'));
  execFileSync('mkfifo', [join(inside, 'pipe')]);
  const { connect, logger } = await startSidecarAgent(t, { flags: { 'secret-dir': inside } });
  const stream = connect();
  const names = [
    ...[`${outside}/root.pem`, `${inside}/../out/root.pem`, `${inside}side/root.pem`, 'in/root.pem', ''],
    ...[`${inside}/link.pem`, `${inside}/directory/root.pem`, `${inside}/pipe`, `${inside}`, `${inside}/root.pem\0`],
  ].map((path) => `file-root:${path}`);
  const good = `file-root:${inside}/./root.pem`;
  stream.request({ names: [...names, good], nodeId: 'test' });
  t.same((await stream.expectResponse()).names, [good]);
  await logger.until('secret files refused', 3);
  const reasons = logger.of('secret files refused').map(({ fields }) => String(fields.error));
  t.match(reasons.sort(), [
    /got a link to .*out\/root.pem, outside, expected one below/,
    /got a link to .*out\/root.pem, outside, expected one below/,
    /pipe: got a pipe/,
  ]);
});

t.test('the allowed directory itself may be a link, and a file may come later', async (t) => {
  const base = t.testdir({ real: {} });
  symlinkSync('real', join(base, 'link'));
  const { connect } = await startSidecarAgent(t, { flags: { 'secret-dir': join(base, 'link') } });
  const stream = connect();
  const name = `file-root:${join(base, 'link', 'root.pem')}`;
  stream.request({ names: [name], nodeId: 'test' });
  await stream.expectSilence();
  const root = TestCa.root().certificatePem;
  writeFileSync(join(base, 'real', 'root.pem'), root);
  const { secrets } = await stream.expectResponse();
  t.equal(Buffer.from(secrets[0]?.validationContext?.trustedCa?.inlineBytes ?? []).toString(), root.toString());
});

t.test('a generic secret is the content of its file, under the configured name only', async (t) => {
  const directory = t.testdir({ token: 'first' });
  const flags = { 'secret-dir': directory, 'generic-secret': `oauth=${directory}/token` };
  const { ask, connect, logger } = await startSidecarAgent(t, { flags });
  const contentOf = ({ bytes }: SdsResponse) => official.resources(bytes)[0]?.genericSecret;
  const { stream, response } = await ask('oauth');
  t.same(contentOf(response), { secret: { inlineBytes: Buffer.from('first') } });
  writeFileSync(join(directory, 'token'), '');
  t.match((await logger.until('secret files refused, the last good content stays')).fields, {
    error: /got an empty file/,
  });
  writeFileSync(join(directory, 'token'), 'second');
  t.same(contentOf(await stream.expectResponse()), { secret: { inlineBytes: Buffer.from('second') } });
  const other = connect();
  other.request({ names: ['token', `${directory}/token`, `file-root:${directory}/token`], nodeId: 'test' });
  await other.expectSilence();
  t.notMatch(logger.text, /first|second/);
});

t.test('the staple beside a certificate goes with it when it is one for it, and else is left out', async (t) => {
  const { directory, ask, logger } = await start(t);
  const ca = TestCa.root();
  const [pair, other] = [ca.server(), ca.server()];
  const staple = join(directory, 'tls.crt.ocsp');
  writeFileSync(join(directory, 'tls.crt'), pair.certPem);
  writeFileSync(join(directory, 'tls.key'), pair.keyPem);
  const stapleOf = ({ bytes }: SdsResponse) => {
    const { tlsCertificate } = official.resources(bytes)[0] as {
      tlsCertificate: { ocspStaple?: { inlineBytes: Buffer } };
    };
    return tlsCertificate.ocspStaple?.inlineBytes;
  };
  const { stream, response } = await ask(certificateName(directory));
  t.equal(stapleOf(response), undefined);
  const good = ocspResponse(t, ca, pair.certPem);
  writeFileSync(staple, good);
  const stapled = await stream.expectResponse();
  stream.ack(stapled);
  t.same(stapleOf(stapled), good);
  const message = 'part of secret files left out';
  writeFileSync(staple, ocspResponse(t, ca, other.certPem));
  t.match((await logger.until(message)).fields, {
    error: /OCSP staple: got an answer about [0-9a-f]+, expected one about/,
  });
  const without = await stream.expectResponse();
  stream.ack(without);
  t.equal(stapleOf(without), undefined, 'Envoy would refuse the pair for it');
  writeFileSync(staple, 'no DER');
  t.match((await logger.until(message, 2)).fields, { error: /OCSP staple: got what does not parse/ });
  await stream.expectSilence();
});

t.test('key providers get the key of a file, too', async (t) => {
  const flags = { 'private-key-provider': 'cryptomb', 'private-key-poll-delay': '2s' };
  const { directory, ask } = await start(t, flags);
  const pair = TestCa.root().server();
  writeFileSync(join(directory, 'tls.crt'), pair.certPem);
  writeFileSync(join(directory, 'tls.key'), pair.keyPem);
  const { response } = await ask(certificateName(directory), 'default');
  for (const { tlsCertificate } of official.resources(response.bytes)) {
    const { privateKeyProvider, privateKey } = tlsCertificate as {
      privateKeyProvider: { providerName: string; typedConfig: { value: Buffer } };
      privateKey: unknown;
    };
    t.equal(privateKey, undefined);
    t.equal(privateKeyProvider.providerName, 'cryptomb');
    t.match(official.providerConfig(privateKeyProvider.typedConfig.value), { pollDelay: { seconds: 2 } });
  }
});

t.test('a key and a token that every user may read are told of', async (t) => {
  const { directory, ask, logger } = await start(t);
  const { certPem, keyPem } = TestCa.root().server();
  writeFileSync(join(directory, 'tls.crt'), certPem);
  writeFileSync(join(directory, 'tls.key'), keyPem, { mode: 0o644 });
  await ask(certificateName(directory));
  const line = await logger.until('secret file is readable for all users');
  t.match(line.fields, { path: join(directory, 'tls.key'), detail: 'mode 644' });
  t.match((await logger.until('token file is readable for all users')).fields, { path: /token$/ });
});
