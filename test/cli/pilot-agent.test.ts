import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { FakeCaServer } from '../support/fake-ca-server.js';
import { mismatchOf, readByName } from '../support/output-sets.js';
import { openSdsClient } from '../support/sds-client.js';
import { shortDir } from '../support/short-dir.js';
import { runSidecert, SidecertProcess } from '../support/sidecert-process.js';
import { TokenIssuer } from '../support/test-tokens.js';

t.setTimeout(250_000);

for (const name of ['pilot-agent', 'agent']) {
  t.test(`sidecert ${name} proxy sidecar serves by the environment of Istio's agent, and warns once`, async (t) => {
    const ca = await FakeCaServer.start(t);
    const directory = shortDir(t);
    const [socket, token, root] = ['s', 'token', 'root.pem'].map((file) => join(directory, file)) as [
      string,
      string,
      string,
    ];
    writeFileSync(token, await new TokenIssuer().token('foo', 'sleep'));
    writeFileSync(root, ca.rootPem);
    const env = {
      ...{ CA_ADDR: ca.address, CA_ROOT_CA: root, POD_NAMESPACE: 'foo', SERVICE_ACCOUNT: 'sleep' },
      ...{ SECRET_TTL: '2h', OUTPUT_CERTS: join(directory, 'certs'), ISTIO_META_CLUSTER_ID: 'east' },
      ...{ PROXY_CONFIG_XDS_AGENT: 'true', XDS_HEADER_TOKEN: 'a-secret' },
    };
    const proxy = [
      'proxy',
      'sidecar',
      '--domain',
      'foo.svc',
      '--proxyLogLevel=warning',
      '--log_output_level=default:info',
    ];
    const agent = new SidecertProcess(t, [name, ...proxy, '--socket', socket, '--token-file', token], { env });
    await agent.says('"svid files written"');
    await agent.says('"agent ready"');
    t.equal(mismatchOf(readByName(join(directory, 'certs'))), undefined);
    const envoy = openSdsClient(t, socket);
    envoy.request({ names: ['default'], nodeId: 'envoy' });
    t.strictSame((await envoy.expectResponse()).names, ['default']);
    t.match(ca.calls, [{ clusterId: ['east'], validitySeconds: 7200 }]);
    agent.kill('SIGTERM');
    const { code, err } = await agent.whole();
    t.equal(code, 0);
    const lines = err.split('\n').filter((line) => line.includes('settings of istio are ignored'));
    t.equal(lines.length, 1);
    const { detail } = JSON.parse(lines[0] ?? '') as { detail: string };
    const names = ['--domain', '--proxyLogLevel', 'PROXY_CONFIG_XDS_AGENT', 'XDS_HEADER_TOKEN'];
    t.strictSame(detail.split(' ').sort(), names);
    t.notMatch(err, /a-secret/);
  });
}

t.test('another command of pilot-agent is refused with code 2', async (t) => {
  const { code, err } = await runSidecert(t, ['pilot-agent', 'wait']);
  t.equal(code, 2);
  t.equal(err, 'sidecert pilot-agent: got "wait", expected proxy\n');
});
