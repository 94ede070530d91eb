import { execFile } from 'node:child_process';
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import { connect as connectSocket } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import protojson from 'protobufjs/ext/protojson.js';
import t, { type Test } from 'tap';
import { type RestHandlerOptions, restHandler, SECRET_TYPE_URL } from '../../../src/agent/sds/index.js';
import { IdentityError } from '../../../src/errors/index.js';
import { silentLogger } from '../../../src/telemetry/index.js';
import { certificateSecret, FakeSecretSource, textSecret } from '../../support/fake-secret-source.js';
import { loadOfficial } from '../../support/official-protos.js';
import { shortDir } from '../../support/short-dir.js';

// The numbers are the rows of the conformance checklist, reference/sds.md section 4.

const PATH = '/v3/discovery:secrets';

async function serveRest(t: Test, options: Partial<RestHandlerOptions> = {}) {
  const source = new FakeSecretSource();
  source.setSecrets({ default: certificateSecret('leaf'), ROOTCA: textSecret('bundle') });
  const common = {
    source,
    serves: 'keys',
    logger: silentLogger,
    controlPlaneIdentifier: 'sidecert-test',
    connectionOf: () => 1,
  } as const;
  const server = createServer(restHandler({ ...common, ...options }));
  const path = join(shortDir(t), 'r.sock');
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const call = async (method: string, body: string | Buffer, { url = PATH, headers = {} } = {}) => {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      httpRequest({ socketPath: path, path: url, method, headers }, resolve).once('error', reject).end(body);
    });
    const parts: Buffer[] = [];
    for await (const part of response) parts.push(part);
    return { status: response.statusCode, headers: response.headers, text: Buffer.concat(parts).toString() };
  };
  return { source, path, call, post: (body: object) => call('POST', JSON.stringify(body)) };
}

t.test('row 36: a poll gets exactly the resource of its name', async (t) => {
  const { post } = await serveRest(t);
  // As Envoy writes it: with the names of the proto file.
  const node = { id: 'sleep', extensions: [{ name: 'x', nested: [1, { y: null }] }] };
  const response = await post({ version_info: '', node, resource_names: ['default'], type_url: SECRET_TYPE_URL });
  t.equal(response.status, 200);
  t.match(response.headers, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  t.same(JSON.parse(response.text), {
    versionInfo: certificateSecret('leaf').version,
    resources: [
      {
        '@type': SECRET_TYPE_URL,
        name: 'default',
        tlsCertificate: {
          certificateChain: { inlineBytes: Buffer.from('leaf').toString('base64') },
          privateKey: { inlineBytes: Buffer.from('leaf').toString('base64') },
        },
      },
    ],
    typeUrl: SECRET_TYPE_URL,
    controlPlane: { identifier: 'sidecert-test' },
  });
  const bundle = await post({ resourceNames: ['ROOTCA'] });
  t.match(JSON.parse(bundle.text), { resources: [{ name: 'ROOTCA' }] }, 'the other names of the members, and no type');
});

t.test('row 36: the answer is a DiscoveryResponse to those who know its definition', async (t) => {
  const { post } = await serveRest(t);
  const root = await loadOfficial([
    'envoy/service/discovery/v3/discovery.proto',
    'envoy/extensions/transport_sockets/tls/v3/secret.proto',
  ]);
  const { text } = await post({ resource_names: ['default', 'ROOTCA'] });
  const { resources, ...rest } = JSON.parse(text);
  const Response = root.lookupType('envoy.service.discovery.v3.DiscoveryResponse');
  t.match(protojson.fromJson(Response, rest), { type_url: SECRET_TYPE_URL });
  const Secret = root.lookupType('envoy.extensions.transport_sockets.tls.v3.Secret');
  const wanted = { default: certificateSecret('leaf'), ROOTCA: textSecret('bundle') };
  for (const { '@type': _type, name, ...members } of resources) {
    const bytes = Secret.encode(protojson.fromJson(Secret, members)).finish();
    t.same(Buffer.from(bytes), wanted[name as keyof typeof wanted].body, name);
  }
});

t.test('row 36: a version that is still the newest is 304, one that is not gets the content', async (t) => {
  const { source, post } = await serveRest(t);
  const { version } = certificateSecret('leaf');
  const same = await post({ resource_names: ['default'], version_info: version });
  t.same([same.status, same.text], [304, '']);
  source.setSecrets({ default: certificateSecret('renewed') });
  const changed = await post({ resource_names: ['default'], version_info: version });
  t.match(JSON.parse(changed.text), { versionInfo: certificateSecret('renewed').version });
});

const invalid = {
  'no JSON': '{"resource_names":',
  nothing: '',
  'a list': '[]',
  null: 'null',
  'no names': '{}',
  'names that are none': '{"resource_names":"default"}',
  'names of numbers': '{"resource_names":[1]}',
  'a version of numbers': '{"resource_names":["default"],"version_info":1}',
  'another type': '{"resource_names":["default"],"type_url":"type.googleapis.com/envoy.config.cluster.v3.Cluster"}',
  'names twice': '{"resource_names":["default"],"resourceNames":["default"]}',
  'too many names': JSON.stringify({ resource_names: Array.from({ length: 2049 }, (_, index) => String(index)) }),
  'half a character in a name': '{"resource_names":["default","\\ud800"]}',
  'bytes that are not UTF-8': Buffer.from('{"resource_names":["default","\xff"]}', 'latin1'),
  'too long a name': JSON.stringify({ resource_names: ['é'.repeat(1025)] }),
};
for (const [name, body] of Object.entries(invalid)) {
  t.test(`row 36: ${name} is 400`, async (t) => {
    const { call } = await serveRest(t);
    const response = await call('POST', body);
    t.equal(response.status, 400);
    t.ok(JSON.parse(response.text).message);
  });
}

t.test('row 36: a body above a megabyte is 413, also when its length is not told before', async (t) => {
  const { call, path } = await serveRest(t);
  t.equal((await call('POST', Buffer.alloc((1 << 20) + 1, 0x20))).status, 413);
  const largest = Buffer.alloc(1 << 20, 0x20);
  largest.write('{"resource_names":["default"]}');
  t.equal((await call('POST', largest)).status, 200);
  const socket = connectSocket(path);
  socket.write(`POST ${PATH} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n`);
  const chunk = `10000\r\n${' '.repeat(65_536)}\r\n`;
  for (let count = 0; count < 17; count += 1) socket.write(chunk);
  const [head] = await new Promise<Buffer[]>((resolve) => socket.once('data', (data: Buffer) => resolve([data])));
  t.match(head?.toString(), /^HTTP\/1\.1 413 /);
  socket.destroy();
});

t.test('row 36: another method is 405, another path 404', async (t) => {
  const { call } = await serveRest(t);
  const get = await call('GET', '');
  t.same([get.status, get.headers.allow], [405, 'POST']);
  t.equal((await call('POST', '{}', { url: '/v3/discovery:clusters' })).status, 404);
});

t.test('row 36: what is not there is 503 in time, what can never be is 404', async (t) => {
  const { source, post } = await serveRest(t, { after: (_delayMs, act) => cancelImmediate(act) });
  source.impossible.add('never');
  t.equal((await post({ resource_names: ['later'] })).status, 503);
  t.equal((await post({ resource_names: ['never'] })).status, 404);
  t.equal(source.openViews, 0);
});

t.test('row 36: keys are served only where that is configured', async (t) => {
  const { post } = await serveRest(t, { serves: 'bundles' });
  const refused = await post({ resource_names: ['default'] });
  t.equal(refused.status, 403);
  t.notMatch(refused.text, Buffer.from('leaf').toString('base64'));
  t.equal((await post({ resource_names: ['ROOTCA'] })).status, 200);
  const both = JSON.parse((await post({ resource_names: ['default', 'ROOTCA'] })).text);
  t.same(
    both.resources.map((resource: { name: string }) => resource.name),
    ['ROOTCA'],
  );
});

t.test('the source learns the authorization of a poll, and its refusal is 401', async (t) => {
  const { source, call } = await serveRest(t, { connectionOf: () => 7 });
  const body = '{"resource_names":["default"]}';
  const headers = { authorization: 'Bearer abc' };
  t.equal((await call('POST', body, { headers })).status, 200);
  t.same(source.callers, [{ authorization: ['Bearer abc'], connection: 7 }]);
  source.admit = () => Promise.reject(new IdentityError('ERR_TOKEN_EXPIRED', 'expired at noon'));
  const refused = await call('POST', body);
  t.same(
    [refused.status, JSON.parse(refused.text)],
    [401, { message: 'authentication failed: the token has expired' }],
  );
});

t.test('row 36: curl gets a secret over the Unix socket', async (t) => {
  const { path } = await serveRest(t);
  const args = ['-sS', '--unix-socket', path, '-d', '{"resource_names":["ROOTCA"]}', `http://localhost${PATH}`];
  const { stdout } = await promisify(execFile)('curl', args);
  t.match(JSON.parse(stdout), { resources: [{ name: 'ROOTCA' }] });
});

function cancelImmediate(act: () => void): () => void {
  const immediate = setImmediate(act);
  return () => clearImmediate(immediate);
}

t.test('a body that is small and much work is refused before it is parsed; a real node is not', async (t) => {
  const { call } = await serveRest(t);
  for (const text of ['['.repeat(500_000) + ']'.repeat(500_000), `{"node":[${'{},'.repeat(100_000)}{}]}`]) {
    const { status, text: answer } = await call('POST', text);
    t.equal(status, 400);
    t.match(answer, 'body: got no JSON');
  }
  // As an Envoy's: some hundred extensions, and metadata that are nested in each other.
  const extensions = Array.from({ length: 400 }, (_, index) => ({
    name: `x${index}`,
    category: 'y',
    type_urls: ['a', 'b', 'c'],
  }));
  const metadata = JSON.parse(`${'{"a":'.repeat(40)}1${'}'.repeat(40)}`);
  const { status } = await call(
    'POST',
    JSON.stringify({ node: { extensions, metadata }, resource_names: ['default'] }),
  );
  t.equal(status, 200);
});
