import { X509Certificate } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { OfficialSecrets } from '../../support/official-secrets.js';
import type { SdsResponse } from '../../support/sds-client.js';
import { SLEEP, startSidecarAgent } from '../../support/sidecar-agent.js';
import { TestCa } from '../../support/test-ca.js';

const official = new OfficialSecrets();

/** What stands in a secret of this response, as text: its chain or its roots. */
function textOf({ secrets }: SdsResponse, name: string): string {
  const secret = secrets.find((one) => one.name === name);
  const source = secret?.tlsCertificate?.certificateChain ?? secret?.validationContext?.trustedCa;
  return Buffer.from(source?.inlineBytes ?? []).toString();
}

/** The roots of each domain in a secret for the SPIFFE validator, read by the official definitions. */
function domainsOf(response: SdsResponse): Record<string, string> {
  const { value } = officialAnys(response).find(({ name }) => name === 'ALL') ?? { value: undefined };
  const context = value?.validationContext as { customValidatorConfig: { typedConfig: { value: Uint8Array } } };
  const { trustDomains } = official.spiffeConfig(context.customValidatorConfig.typedConfig.value) as {
    trustDomains: { name: string; trustBundle: { inlineBytes: Uint8Array } }[];
  };
  return Object.fromEntries(
    trustDomains.map(({ name, trustBundle }) => [name, Buffer.from(trustBundle.inlineBytes).toString()]),
  );
}

function officialAnys({ bytes }: SdsResponse): { name: unknown; value: Record<string, unknown> }[] {
  return official.resources(bytes).map((value) => ({ name: value.name, value }));
}

t.test('row 18: aliases in one request are each answered under the name that was asked', async (t) => {
  const { ask, ca } = await startSidecarAgent(t);
  const names = ['default', SLEEP, 'ROOTCA', 'spiffe://cluster.local'];
  const { response } = await ask(...names);
  t.same([...response.names].sort(), [...names].sort());
  t.equal(new X509Certificate(textOf(response, 'default')).subjectAltName, `URI:${SLEEP}`);
  t.equal(textOf(response, SLEEP), textOf(response, 'default'));
  t.equal(textOf(response, 'ROOTCA'), ca.rootPem.toString());
  t.equal(textOf(response, 'spiffe://cluster.local'), textOf(response, 'ROOTCA'));
});

t.test('row 16: a name that means nothing is absent, and never the key of the workload', async (t) => {
  const { connect } = await startSidecarAgent(t);
  const stream = connect();
  const nothing = [
    ...['nope', '', 'default ', 'DEFAULT', 'spiffe://cluster.local/ns/foo/sa/httpbin', 'spiffe://other.example'],
    ...['file-cert:/etc/a~/etc/b', 'file-root:/etc/ssl/certs/ca-certificates.crt', 'file-root:system'],
    ...['kubernetes://default', `${SLEEP}/`, 'session-ticket-keys'],
  ];
  stream.request({ names: [...nothing, 'default'], nodeId: 'test' });
  const response = await stream.expectResponse();
  t.same(response.names, ['default']);
  stream.ack(response);
  await stream.expectSilence();
});

t.test('names can be chosen, several for one secret, and the usual ones then mean nothing', async (t) => {
  const flags = { 'certificate-name': ['leaf', 'leaf-too'], 'bundle-name': 'roots', 'all-bundles-name': 'every' };
  const { ask } = await startSidecarAgent(t, { flags });
  const { stream, response } = await ask('leaf', 'leaf-too', 'roots', 'every');
  t.equal(textOf(response, 'leaf'), textOf(response, 'leaf-too'));
  stream.request({ names: ['default', 'ROOTCA', 'ALL'] });
  await stream.expectSilence();
});

t.test('row 44: ALL has each known domain once with its own roots, and follows their files', async (t) => {
  const file = join(t.testdir(), 'other.pem');
  const [first, second] = [TestCa.root('other root'), TestCa.root('newer root')];
  const write = (content: string | Buffer): void => {
    writeFileSync(`${file}.new`, content);
    renameSync(`${file}.new`, file);
  };
  write(`# a comment\n${first.certificatePem}${first.certificatePem}`);
  const { ask, ca, logger } = await startSidecarAgent(t, { flags: { 'federated-bundle': `other.example=${file}` } });
  const { stream, response } = await ask('ALL', 'spiffe://other.example');
  t.same(domainsOf(response), {
    'cluster.local': ca.rootPem.toString(),
    'other.example': first.certificatePem.toString(),
  });
  t.equal(textOf(response, 'spiffe://other.example'), first.certificatePem.toString());

  const ended = TestCa.root('ended root', { notBeforeMs: Date.now() - 7200_000, notAfterMs: Date.now() - 1000 });
  const bad = [
    { content: 'no certificate', reason: /no PEM block/ },
    { content: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----', reason: /does not parse/ },
    { content: ended.certificatePem, reason: /only expired certificates/ },
  ];
  for (const [index, { content, reason }] of bad.entries()) {
    write(content);
    const line = await logger.until('secret files refused, the last good content stays', index + 1);
    t.match(line.fields, { path: file, error: reason, code: 'ERR_BUNDLE_INVALID' });
  }
  await stream.expectSilence();
  write(second.certificatePem);
  const changed = await stream.expectResponse();
  t.equal(domainsOf(changed)['other.example'], second.certificatePem.toString());
});

t.test('row 44: without a good file a domain is left out, and is there when the file is', async (t) => {
  const file = join(t.testdir(), 'other.pem');
  const { ask, ca, logger } = await startSidecarAgent(t, { flags: { 'federated-bundle': `other.example=${file}` } });
  t.match((await logger.until('secret files refused')).fields, {
    error: /got no such file or directory \(ENOENT\), expected a readable file/,
    path: file,
  });
  const { stream, response } = await ask('ALL');
  t.same(domainsOf(response), { 'cluster.local': ca.rootPem.toString() });
  const other = TestCa.root('other root');
  writeFileSync(file, other.certificatePem);
  t.same(Object.keys(domainsOf(await stream.expectResponse())), ['cluster.local', 'other.example']);
});

t.test('who is let in, and who no longer, is part of the bundles', async (t) => {
  const crl = join(t.testdir(), 'crl.pem');
  const flags = { 'peer-san': ['spiffe://cluster.local/ns/foo/*', SLEEP], crl };
  const { ask, logger } = await startSidecarAgent(t, { flags });
  await logger.until('secret files refused');
  const { stream, response } = await ask('ROOTCA');
  const contextOf = (from: SdsResponse) =>
    officialAnys(from)[0]?.value.validationContext as Record<string, unknown> & { crl: { inlineBytes: Uint8Array } };
  t.match(contextOf(response), {
    matchTypedSubjectAltNames: [
      { sanType: 'URI', matcher: { prefix: 'spiffe://cluster.local/ns/foo/' } },
      { sanType: 'URI', matcher: { exact: SLEEP } },
    ],
  });
  t.notOk(contextOf(response).crl, 'a list that is missing is none');
  const list = TestCa.root().revocationList();
  writeFileSync(crl, `text before\n${list}text after\n`);
  const changed = await stream.expectResponse();
  stream.ack(changed);
  t.equal(Buffer.from(contextOf(changed).crl.inlineBytes).toString(), list);
  writeFileSync(crl, '-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n');
  t.match((await logger.until('secret files refused, the last good content stays')).fields, {
    error: /CRL file: got list 1 that does not parse/,
  });
  await stream.expectSilence();
});
