import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { RevocationFile } from '../../../src/agent/secrets/revocations.js';
import { encodePem } from '../../../src/pki/x509/index.js';
import { listOf } from '../../support/judged-files.js';
import { lookedFiles } from '../../support/looked-files.js';
import { shortDir } from '../../support/short-dir.js';
import { TestCa } from '../../support/test-ca.js';

const HOUR_MS = 3_600_000;
const ca = TestCa.root('listed');

function setUp(t: Test, content?: string | Buffer) {
  const directory = shortDir(t);
  const path = join(directory, 'crl');
  const put = (next: string | Buffer) => writeFileSync(path, next);
  if (content !== undefined) put(content);
  const files = lookedFiles();
  const list = new RevocationFile(path, files.surroundings);
  t.teardown(() => list.close());
  const make = (shape: Parameters<typeof listOf>[2] = {}, of = ca) => listOf(join(directory, 'ca'), of, shape);
  const messages = () => files.logger.lines.filter(({ level }) => level === 'warn').map(({ message }) => message);
  return { ...files, path, put, list, make, messages };
}

const derOf = (pem: string) => Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64');

t.test('a list in DER is served as the same list in PEM', async (t) => {
  const { list, put, make } = setUp(t);
  const pem = make();
  put(derOf(pem));
  await list.open();
  t.equal(list.value?.toString(), pem);
});

t.test('a file that is missing means no list, and one that comes is taken', async (t) => {
  const { list, put, make, look } = setUp(t);
  await list.open();
  t.equal(list.value, undefined);
  const pem = make();
  put(pem);
  await look();
  t.equal(list.value?.toString(), pem);
});

const unusable = [
  { name: 'text', content: 'no list', says: /got no PEM block, expected a PEM block X509 CRL/ },
  { name: 'a certificate', content: ca.certificatePem, says: /got only blocks of kind "CERTIFICATE"/ },
  { name: 'a certificate in DER', content: ca.certificate.raw, says: /got list 1 that does not parse/ },
  { name: 'nothing', content: '', says: /got an empty text/ },
  { name: 'UTF-16', content: Buffer.from('\ufeff-----BEGIN X509 CRL-----\n', 'utf16le'), says: /got text in UTF-16/ },
];

for (const { name, content, says } of unusable) {
  t.test(`a file of ${name} ends the start, for revocation must not be off where it is asked for`, async (t) => {
    const { list, path } = setUp(t, content);
    await t.rejects(list.open(), { code: 'ERR_SECRET_FILE_INVALID', message: says });
    await t.rejects(list.open(), { message: new RegExp(`^--crl ${path}: CRL file: `) });
  });
}

t.test('a directory in its place ends the start, with the reason', async (t) => {
  const directory = shortDir(t);
  const { surroundings } = lookedFiles();
  const list = new RevocationFile(directory, surroundings);
  t.teardown(() => list.close());
  await t.rejects(list.open(), {
    code: 'ERR_SECRET_FILE_INVALID',
    message: /got a directory, expected a regular file/,
  });
});

for (const extension of [
  'issuingDistributionPoint=critical,@point\n[point]\nfullname=URI:http://a/b',
  '2.5.29.27=critical,DER:020101',
]) {
  t.test(
    `a list with the critical extension ${extension.split('=')[0]} is refused: Envoy would refuse every peer`,
    async (t) => {
      const { list, put, make, look, logger } = setUp(t);
      const good = make();
      put(good);
      await list.open();
      put(make({ extensions: extension }));
      await look();
      t.equal(list.value?.toString(), good);
      t.match(logger.of('secret files refused, the last good content stays')[0]?.fields, {
        error: /got list 1 \(O=listed\) with the critical extension (issuingDistributionPoint|deltaCRLIndicator)/,
      });
    },
  );
}

t.test('lists that are not valid now do not take the place of one that is', async (t) => {
  const { list, put, make, look, logger } = setUp(t);
  const good = make();
  put(good);
  await list.open();
  for (const shape of [
    { from: -48, to: -24 },
    { from: 24, to: 48 },
  ]) {
    put(make(shape));
    await look();
    t.equal(list.value?.toString(), good);
  }
  t.match(logger.of('secret files refused, the last good content stays').length, 2);
  t.match(logger.text, /got a list of O=listed that is valid from .* to .*, expected one that is valid now/);
});

t.test('an expired list beside the current one of the same CA is of no account', async (t) => {
  const { list, put, make, messages } = setUp(t);
  put(make({ from: -48, to: -24 }) + make());
  await list.open();
  t.ok(list.value);
  t.strictSame(messages(), []);
});

t.test(
  'an expired list is served when there is no other, for no list would let everybody in, and that is told',
  async (t) => {
    const { list, put, make, logger, path } = setUp(t);
    const expired = make({ from: -48, to: -24 });
    put(expired);
    await list.open();
    t.equal(list.value?.toString(), expired);
    const [line] = logger.of('revocation list has expired: Envoy refuses every peer of its issuer');
    t.match(line?.fields, { path, detail: /^list of O=listed, / });
    t.ok(Date.parse(String(line?.fields.not_after)) < Date.now());
  },
);

t.test('a list is told of once before its end, once at it, and not when the next one has come', async (t) => {
  const { list, put, make, look, messages, clock } = setUp(t);
  put(make({ from: -1, to: 9 }));
  await list.open();
  await look();
  t.strictSame(messages(), []);
  clock.nowMs += 7.5 * HOUR_MS;
  await look();
  await look();
  t.strictSame(messages(), ['revocation list expires soon']);
  clock.nowMs += 2 * HOUR_MS;
  await look();
  await look();
  t.strictSame(messages().slice(1), ['revocation list has expired: Envoy refuses every peer of its issuer']);
  put(make({ from: 9, to: 100 }));
  await look();
  await look();
  t.equal(messages().length, 2);
});

t.test('a CA of the bundle without a list, or with one by another key, is told of once', async (t) => {
  const { list, put, make, logger } = setUp(t);
  const [other, namesake] = [TestCa.root('other'), TestCa.root('listed')];
  put(make());
  await list.open();
  const message = 'revocation list missing: Envoy refuses every peer of the CA';
  list.judge(ca.certificatePem);
  t.strictSame(logger.of(message), []);
  list.judge(Buffer.concat([ca.certificatePem, other.certificatePem]));
  list.judge(Buffer.concat([ca.certificatePem, other.certificatePem]));
  t.match(logger.of(message), [{ fields: { detail: 'no list of O=other' } }]);
  list.judge(namesake.certificatePem);
  t.match(logger.of(message)[1], { fields: { detail: 'a list of O=listed that its key has not signed' } });
  put(make({}, ca) + make({}, other));
});

t.test('a CA whose kind of key OpenSSL does not know is told of, as one that has not signed its list', async (t) => {
  const { list, logger } = setUp(t, listOf(shortDir(t), ca));
  await list.open();
  const p256 = Buffer.from('06082a8648ce3d030107', 'hex');
  const unknown = Buffer.from(ca.certificate.raw);
  unknown[unknown.indexOf(p256) + p256.length - 1] = 0x63;
  list.judge(encodePem('CERTIFICATE', unknown));
  const [line] = logger.of('revocation list missing: Envoy refuses every peer of the CA');
  t.match(line, { fields: { detail: 'a list of O=listed that its key has not signed' } });
});
