import { execFile } from 'node:child_process';
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { openChannel, status } from '../../src/net/grpc/index.js';
import { FakeCaServer } from '../support/fake-ca-server.js';
import { grpcCore } from '../support/grpc-core.js';
import { openSdsClient } from '../support/sds-client.js';
import { shortDir } from '../support/short-dir.js';
import { SidecertProcess } from '../support/sidecert-process.js';
import { TokenIssuer } from '../support/test-tokens.js';

const run = promisify(execFile);
const DIST = fileURLToPath(new URL('../../../dist/', import.meta.url));
// The build has no Python in it: the script lies where this file was written.
const PYTHON_CLIENT = fileURLToPath(new URL('../../../test/support/grpc_reflection_client.py', import.meta.url));

const GRPCURL = (process.env.PATH ?? '')
  .split(delimiter)
  .map((directory) => join(directory, 'grpcurl'))
  .find((path) => existsSync(path));

const SERVICES = [
  'envoy.service.discovery.v3.AggregatedDiscoveryService',
  'envoy.service.secret.v3.SecretDiscoveryService',
  'grpc.health.v1.Health',
  'grpc.reflection.v1.ServerReflection',
  'grpc.reflection.v1alpha.ServerReflection',
];

/** What ships, in a place where no packages are. */
function copyOfDist(t: Test): string {
  const dist = shortDir(t);
  cpSync(DIST, dist, { recursive: true });
  return dist;
}

/** An agent of what ships, that holds its certificate. */
async function startAgent(t: Test, { dist = copyOfDist(t) } = {}) {
  const ca = await FakeCaServer.start(t);
  const directory = shortDir(t);
  const [socket = '', root = '', token = ''] = ['s', 'root.pem', 'token'].map((name) => join(directory, name));
  writeFileSync(root, ca.rootPem.toString().trim());
  writeFileSync(token, await new TokenIssuer().token('foo', 'sleep'));
  const agent = new SidecertProcess(
    t,
    [
      ...['agent', '--socket', socket, '--ca-address', ca.address, '--ca-root', root, '--token-file', token],
      ...['--namespace', 'foo', '--service-account', 'sleep'],
    ],
    { sidecert: [process.execPath, join(dist, 'sidecert.js')] },
  );
  await agent.says('"svid issued"');
  return { agent, ca, socket };
}

/** What `inlineBytes` of JSON hold. */
const plain = (base64: string): string => Buffer.from(base64, 'base64').toString().trim();

t.test(
  'grpcurl lists and describes what the agent serves, and calls it without definitions of its own',
  { skip: GRPCURL === undefined && 'no grpcurl' },
  async (t) => {
    const { ca, socket } = await startAgent(t);
    const grpcurl = async (...args: string[]): Promise<string> =>
      (await run(GRPCURL ?? '', ['-plaintext', '-unix', ...args])).stdout;
    t.same((await grpcurl(socket, 'list')).trim().split('\n'), SERVICES);
    t.match(
      await grpcurl(socket, 'describe', 'envoy.service.secret.v3.SecretDiscoveryService'),
      'rpc StreamSecrets ( stream .envoy.service.discovery.v3.DiscoveryRequest )',
    );
    t.match(
      await grpcurl(socket, 'describe', '.envoy.service.discovery.v3.DeltaDiscoveryRequest'),
      'map<string, string>',
    );
    t.match(JSON.parse(await grpcurl(socket, 'grpc.health.v1.Health/Check')), { status: 'SERVING' });
    const fetch = 'envoy.service.secret.v3.SecretDiscoveryService/FetchSecrets';
    const fetched = JSON.parse(await grpcurl('-d', '{"resource_names":["ROOTCA"]}', socket, fetch));
    t.equal(plain(fetched.resources[0].validationContext.trustedCa.inlineBytes), ca.rootPem.toString().trim());
    const all = JSON.parse(await grpcurl('-d', '{"resource_names":["ALL"]}', socket, fetch));
    const [domain] = all.resources[0].validationContext.customValidatorConfig.typedConfig.trustDomains;
    t.equal(domain.name, 'cluster.local', 'in a type within a type');
    t.equal(plain(domain.trustBundle.inlineBytes), ca.rootPem.toString().trim());
    const streamed = await grpcurl(
      ...['-d', '{"resource_names":["ROOTCA"]}', socket],
      'envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets',
    );
    t.equal(JSON.parse(streamed).resources[0].name, 'ROOTCA');
  },
);

t.test("Python's gRPC calls the agent by what reflection tells it", { skip: grpcCore().skip }, async (t) => {
  const { ca, socket } = await startAgent(t);
  const env = { ...process.env, PYTHONPATH: grpcCore().path, PYTHONDONTWRITEBYTECODE: '1' };
  const { stdout } = await run('python3', [PYTHON_CLIENT, socket, 'ROOTCA'], { env });
  const { services, methods, secret } = JSON.parse(stdout);
  t.same(services, SERVICES);
  t.same(methods, { StreamSecrets: [true, true], DeltaSecrets: [true, true], FetchSecrets: [false, false] });
  t.equal(plain(secret.validationContext.trustedCa.inlineBytes), ca.rootPem.toString().trim());
});

t.test('the agent that ships has neither grpc-js nor descriptors, and loads the latter when it is asked', async (t) => {
  const bundle = readFileSync(join(DIST, 'agent.js'), 'latin1');
  t.notMatch(bundle, /grpc-node-js|fileDescriptorProto/);
  const apart = readFileSync(join(DIST, 'reflection.js'), 'latin1');
  t.match(apart, /fileDescriptorProto/);
  t.notMatch(apart, /grpc-node-js/);

  const dist = copyOfDist(t);
  rmSync(join(dist, 'reflection.js'));
  const { socket } = await startAgent(t, { dist });
  const channel = openChannel({ unix: socket });
  t.teardown(() => channel.close());
  const stream = channel.bidi('/grpc.reflection.v1.ServerReflection/ServerReflectionInfo');
  stream.on('error', () => {});
  const ended = new Promise((resolve) => stream.once('status', resolve).resume());
  stream.write(Buffer.from('3a00', 'hex'));
  t.match(await ended, { code: status.INTERNAL }, 'it starts without them, and who asks is told');
  const sds = openSdsClient(t, socket);
  sds.request({ names: ['default'], nodeId: 'test' });
  t.same((await sds.expectResponse()).names, ['default'], 'secrets are served all the same');
});
