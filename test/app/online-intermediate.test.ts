import { X509Certificate } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { openssl } from '../hotpath/pki.js';
import { CitadelCaller } from '../support/citadel-caller.js';
import { startCitadelProcess } from '../support/citadel-process.js';
import { openHotPath } from '../support/hot-path.js';
import { IstioAgent, NO_ISTIO_AGENT } from '../support/istio-agent.js';
import { opensslRoot } from '../support/openssl-root.js';
import { openSdsClient } from '../support/sds-client.js';
import { shortDir } from '../support/short-dir.js';
import { runSidecert } from '../support/sidecert-process.js';
import { NO_TOKENS, SoftHsm } from '../support/softhsm.js';
import { TokenIssuer } from '../support/test-tokens.js';
import { askUnix } from '../support/unix-http.js';

const hotPath = openHotPath();
const SLEEP = 'spiffe://cluster.local/ns/foo/sa/sleep';

/** A Citadel that signs by an intermediate, with a trail; its CA directory may have something already. */
async function serve(t: Test, directory = shortDir(t), ...more: string[]) {
  const file = (name: string): string => join(directory, name);
  const issuer = new TokenIssuer();
  const flags = ['--trail-dir', file('trail'), '--online-intermediate', ...more];
  const { citadel, address } = await startCitadelProcess(t, { file, issuer, flags });
  await citadel.says('status page open');
  const caller = new CitadelCaller(t, { address, rootPem: readFileSync(file('root.pem')) });
  const { csrPem } = await hotPath.prepare({ spiffeId: SLEEP, keyType: 'ec-p256' });
  const issue = async (): Promise<readonly string[]> => {
    const { code, elements } = await caller.call({ token: await issuer.token('foo', 'sleep'), csr: String(csrPem) });
    t.equal(code, status.OK);
    return elements;
  };
  const at = ['--status-address', file('status')];
  const revoke = (serial: string) => runSidecert(t, ['revoke', ...at, '--serial', serial]);
  const page = async () => JSON.parse((await runSidecert(t, ['status', ...at, '-o', 'json'])).out);
  return { file, address, issuer, issue, revoke, page };
}

const serialOf = (pem = ''): string => new X509Certificate(pem).serialNumber;

t.test('a leaf below it is revoked by its list, and trail, page and metrics tell of it', async (t) => {
  const { file, issue, revoke, page } = await serve(t);
  const [leaf = '', intermediate = '', root = ''] = await issue();
  for (const [name, pem] of Object.entries({ leaf, intermediate, root })) writeFileSync(file(`${name}.pem`), pem);
  const verify = (...more: string[]): string =>
    openssl(['verify', '-CAfile', file('root.pem'), '-untrusted', file('intermediate.pem'), ...more, file('leaf.pem')]);
  t.match(verify('-x509_strict'), /OK/);
  t.match(await revoke(serialOf(leaf)), { code: 0, err: '' });
  t.throws(() => verify('-crl_check', '-CRLfile', file('trail/crl.pem')), /certificate revoked/);
  const [other = ''] = await issue();
  writeFileSync(file('leaf.pem'), other);
  t.match(verify('-crl_check', '-CRLfile', file('trail/crl.pem')), /OK/);
  t.match(verify('-crl_check_all', '-CRLfile', file('trail/crl.pem')), /OK/, 'each CA of the chain has its list');

  const names = readdirSync(file('trail')).filter((name) => name.endsWith('.jsonl'));
  const records = names.map((name) => readFileSync(file(`trail/${name}`), 'utf8')).join('');
  const issued = JSON.parse(records.split('\n').find((line) => line.includes('"issued"')) ?? '{}');
  const print = (pem: string): string => new X509Certificate(pem).fingerprint256.replaceAll(':', '').toLowerCase();
  t.match(issued, { issuer: print(intermediate), authority: print(root) });
  t.match(await runSidecert(t, ['root', 'history', file('trail')]), {
    out: new RegExp(`signs: ${print(root)}, by its intermediate ${print(intermediate)}; trusted: ${print(root)}`),
  });
  const { body } = await askUnix(file('status'), '/metrics');
  t.match(body, /^sidecert_online_intermediate_expiry_seconds \d+/m);
  t.match(body, /^sidecert_online_intermediate_overdue_seconds 0$/m);
  t.match(body, /^sidecert_online_intermediates_made_total 1$/m);
  t.match(await page(), {
    authority: { fingerprint: print(root) },
    online_intermediate: { serial: serialOf(intermediate).toLowerCase(), fingerprint: print(intermediate) },
    fleet: { with_other_issuer: { count: 0 } },
    revocations: { revoked: 1 },
  });
});

t.test('while an HSM is away leaves are issued and revoked all the same', { skip: NO_TOKENS }, async (t) => {
  const root = opensslRoot('ec-p256');
  const hsm = new SoftHsm(t);
  hsm.import('citadel', root.privateKeyPem);
  const directory = shortDir(t);
  mkdirSync(join(directory, 'ca'));
  const files = { 'ca-cert.pem': root.certificatePem, 'root-cert.pem': root.certificatePem, 'cert-chain.pem': '' };
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, 'ca', name), content);
  const { file, issue, revoke, page } = await serve(t, directory, '--ca-key', hsm.uri('citadel'));
  const [first] = await issue();
  hsm.remove();
  const [second] = await issue();
  t.match(await revoke(serialOf(second)), { code: 0, err: '' });
  const listed = openssl(['crl', '-noout', '-text', '-in', file('trail/crl.pem')]);
  t.match(listed, new RegExp(`Serial Number: ${serialOf(second)}`));
  t.notMatch(listed, new RegExp(serialOf(first)), 'only what was revoked');
  t.equal((await page()).online_intermediate.problem, undefined, 'it is not time for the next one');
});

t.test("Istio's agent takes a chain with an intermediate, and serves it whole", { skip: NO_ISTIO_AGENT }, async (t) => {
  const { file, address, issuer, issue } = await serve(t);
  const rootPem = readFileSync(file('root.pem'));
  const token = await issuer.token('foo', 'httpbin');
  const agent = new IstioAgent(t, { ca: { address, rootPem }, token, serviceAccount: 'httpbin' });
  await agent.start();
  const stream = openSdsClient(t, agent.socket);
  stream.request({ names: ['default'], nodeId: 'test' });
  const { secrets } = await stream.expectResponse();
  stream.halfClose();
  const served = String(secrets[0]?.tlsCertificate?.certificateChain?.inlineBytes);
  const [leaf = '', ...above] = served.match(/-----BEGIN[\s\S]+?-----END CERTIFICATE-----\n?/g) ?? [];
  const [, intermediate = ''] = await issue();
  t.equal(serialOf(above[0]), serialOf(intermediate));
  writeFileSync(file('leaf.pem'), leaf);
  writeFileSync(file('above.pem'), above.join(''));
  t.match(openssl(['verify', '-CAfile', file('root.pem'), '-untrusted', file('above.pem'), file('leaf.pem')]), /OK/);
});
