import { X509Certificate } from 'node:crypto';
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { FakeCaServer } from '../support/fake-ca-server.js';
import { shortDir } from '../support/short-dir.js';
import { startSidecarAgent } from '../support/sidecar-agent.js';
import { TestCa } from '../support/test-ca.js';
import { TokenIssuer } from '../support/test-tokens.js';

t.test('an agent with the files of PROV_CERT gets its certificate without a token', async (t) => {
  const clients = TestCa.root('clients');
  const ca = await FakeCaServer.start(t, { clients: { ca: clients, isRequired: true } });
  const directory = shortDir(t);
  const { certPem, keyPem } = clients.server();
  const files = { 'cert-chain.pem': certPem, 'key.pem': keyPem, 'root-cert.pem': ca.rootPem };
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content);
  chmodSync(join(directory, 'key.pem'), 0o644);
  const flags = { 'ca-root': [], 'ca-client-cert': directory, 'token-file': join(directory, 'none') };
  const { ask, logger } = await startSidecarAgent(t, { ca, flags });
  await ask('default', 'ROOTCA');
  t.match(ca.calls, [{ authorization: '', clientSerial: new X509Certificate(certPem).serialNumber }]);
  t.match(await logger.until('key file is readable for all users'), { level: 'warn' });
  t.notMatch(logger.text, /PRIVATE KEY/);
});

t.test('with --ca-client-svid an agent renews by its own certificate, also when the token has gone', async (t) => {
  const root = TestCa.root();
  const ca = await FakeCaServer.start(t, { root, clients: { ca: root, isRequired: false } });
  const token = join(shortDir(t), 'token');
  writeFileSync(token, await new TokenIssuer().token('foo', 'sleep'));
  const flags = { 'ca-client-svid': 'true', 'token-file': token, ttl: '6s' };
  const { connect } = await startSidecarAgent(t, { ca, flags });
  const stream = connect();
  stream.request({ names: ['default'], nodeId: 'test' });
  const serials: string[] = [];
  for (const _ of [1, 2, 3]) {
    const response = await stream.expectResponse();
    stream.ack(response);
    const chain = response.secrets[0]?.tlsCertificate?.certificateChain?.inlineBytes ?? [];
    serials.push(new X509Certificate(Buffer.from(chain)).serialNumber);
    rmSync(token, { force: true });
  }
  t.strictSame(
    ca.calls.slice(0, 3).map(({ clientSerial }) => clientSerial),
    [undefined, ...serials.slice(0, 2)],
    'each renewal shows the certificate before it',
  );
  t.match(ca.calls, [{ authorization: /^Bearer / }, { authorization: '' }, { authorization: '' }]);
});

t.test('the files of --output-certs as those of --ca-client-cert carry an agent over its restart', async (t) => {
  const root = TestCa.root();
  const ca = await FakeCaServer.start(t, { root, clients: { ca: root, isRequired: false } });
  const directory = join(shortDir(t), 'certs');
  const token = join(shortDir(t), 'token');
  writeFileSync(token, await new TokenIssuer().token('foo', 'sleep'));
  const files = { 'ca-client-cert': directory, 'output-certs': directory };
  const flags = { ...files, 'token-file': token, ttl: '1h' };
  await t.test('the first start has a token', async (t) => {
    const { ask, logger } = await startSidecarAgent(t, { ca, flags });
    await ask('default');
    await logger.until('svid files written');
  });
  rmSync(token);
  const before = new X509Certificate(readFileSync(join(directory, 'cert-chain.pem')));
  await t.test('the second has none', async (t) => {
    const { ask } = await startSidecarAgent(t, { ca, flags });
    await ask('default');
  });
  t.match(ca.calls, [
    { authorization: /^Bearer /, clientSerial: undefined },
    { authorization: '', clientSerial: before.serialNumber },
  ]);
});
