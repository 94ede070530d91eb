import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { TrustBundle } from '../../src/spiffe/index.js';

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
