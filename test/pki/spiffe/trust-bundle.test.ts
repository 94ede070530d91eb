import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { TrustBundle } from '../../../src/pki/spiffe/index.js';
import { makeSelfSignedRoot } from '../../../src/pki/x509/index.js';

/** A certificate made by the openssl command line. */
function certificate(t: Test, name: string, isCa: boolean): string {
  const directory = t.testdir({});
  const out = join(directory, `${name}.pem`);
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', `/O=${name}`],
      ...['-keyout', join(directory, 'key.pem'), '-out', out, '-days', '1'],
      ...['-addext', `basicConstraints=critical,CA:${isCa ? 'TRUE' : 'FALSE'}`],
    ],
    { stdio: 'pipe' },
  );
  return readFileSync(out, 'utf8');
}

t.test('a bundle holds each certificate once, whatever stands around it', async (t) => {
  const [a, b] = [certificate(t, 'a', true), certificate(t, 'b', true)];
  const bundle = TrustBundle.parsePem(Buffer.from(`# roots of example\n${a}\r\n\r\ncomment\n${b}${a}`));
  t.equal(bundle.size, 2);
  t.equal(bundle.toPem().toString(), a + b);
});

t.test('bundles are compared by certificate, not by text or order', async (t) => {
  const [a, b, c] = [certificate(t, 'a', true), certificate(t, 'b', true), certificate(t, 'c', true)];
  const bundle = TrustBundle.parsePem(Buffer.from(a + b));
  t.ok(bundle.equals(TrustBundle.parsePem(Buffer.from(`${b}\n\n# x\n${a}`))));
  t.notOk(bundle.equals(TrustBundle.parsePem(Buffer.from(a))));
  t.notOk(bundle.equals(TrustBundle.parsePem(Buffer.from(a + c))));
});

t.test('what is no bundle is refused', async (t) => {
  const root = certificate(t, 'root', true);
  const leaf = certificate(t, 'leaf', false);
  const cases = [
    ['nothing', ''],
    ['no PEM', 'hello'],
    ['a certificate that does not parse', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'],
    [
      'a good certificate followed by a broken one',
      `${root}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`,
    ],
    ['a certificate without its end', root.slice(0, -10)],
    ['a leaf', leaf],
    ['two megabytes', root + ' '.repeat(2 * 1024 * 1024)],
  ] as const;
  for (const [name, pem] of cases) {
    t.throws(() => TrustBundle.parsePem(Buffer.from(pem)), { code: 'ERR_BUNDLE_INVALID' }, name);
  }
});

const NOW_MS = Date.UTC(2026, 10, 24);
const HOUR_MS = 3_600_000;

function rootFrom(notBeforeMs: number, notAfterMs: number): string {
  const options = { keyType: 'ec-p256', organization: 'root', notBeforeMs, notAfterMs } as const;
  return makeSelfSignedRoot(options).certificatePem.toString();
}

t.test('what a verifier is given has no expired certificate, and the current ones first', async (t) => {
  const expired = rootFrom(NOW_MS - 2 * HOUR_MS, NOW_MS - 1000);
  const future = rootFrom(NOW_MS + HOUR_MS, NOW_MS + 3 * HOUR_MS);
  const current = rootFrom(NOW_MS - HOUR_MS, NOW_MS + HOUR_MS);
  const bundle = TrustBundle.parsePem(Buffer.from(expired + future + current));
  t.equal(bundle.usableAt(NOW_MS)?.toPem().toString(), current + future);
  t.equal(bundle.usableAt(NOW_MS)?.firstNotAfterMs, NOW_MS + HOUR_MS);
  t.equal(bundle.usableAt(NOW_MS + HOUR_MS)?.size, 2, 'the last moment of a certificate belongs to it');
  t.equal(
    bundle
      .usableAt(NOW_MS + HOUR_MS + 1)
      ?.toPem()
      .toString(),
    future,
  );
  t.equal(bundle.usableAt(NOW_MS + 4 * HOUR_MS), undefined, 'never an empty bundle');
});
