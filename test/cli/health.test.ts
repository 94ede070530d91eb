import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Server, ServerCredentials, type sendUnaryData, status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { readServingStatus } from '../../src/net/grpc/index.js';
import { grpcMessages } from '../../src/net/protobuf/index.js';
import { serveAgents, takeKey } from '../hostile/agent-process.js';
import { startCitadel } from '../support/citadel.js';
import { openHotPath } from '../support/hot-path.js';
import { SIDECERT } from '../support/mesh.js';
import { openSdsClient } from '../support/sds-client.js';
import { shortDir } from '../support/short-dir.js';
import { runSidecert } from '../support/sidecert-process.js';

t.setTimeout(250_000);
const { HealthCheckResponse } = grpcMessages.health.v1;
const { ServingStatus } = HealthCheckResponse;
const hotPath = openHotPath();

const answers = [
  ...(['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'] as const).map((name) => ({
    name,
    bytes: HealthCheckResponse.encode({ status: ServingStatus[name] }).finish(),
    want: name,
  })),
  { name: 'a number of a later protocol', bytes: [0x08, 0x63], want: 'UNKNOWN' },
  {
    name: 'a number of more than 32 bits, of which the low ones count',
    bytes: [0x08, 0x81, 0x80, 0x80, 0x80, 0x10],
    want: 'SERVING',
  },
  { name: 'a field of a later protocol', bytes: [0x12, 0x01, 0x61, 0x08, 0x01], want: 'SERVING' },
  { name: 'the last of two', bytes: [0x08, 0x01, 0x08, 0x02], want: 'NOT_SERVING' },
] as const;
for (const { name, bytes, want } of answers) {
  t.test(`an answer is read: ${name}`, async (t) => t.equal(readServingStatus(Buffer.from(bytes)), want));
}

t.test('an answer that is no message is none', async (t) => {
  for (const bytes of [[0x08], [0x0a, 0x05, 0x01], [0xff, 0xff]]) {
    t.throws(() => readServingStatus(Buffer.from(bytes)), RangeError);
  }
});

/** What ships, asking; its own 3 s are too few beside much other work. */
function ask(t: Test, ...args: string[]) {
  const patience = args.includes('--timeout') ? [] : ['--timeout', '1m'];
  return runSidecert(t, ['health', ...args, ...patience], { sidecert: SIDECERT });
}

/** A server of grpc-js with a health method of its own, on a Unix socket. */
async function served(t: Test, answer: (callback: sendUnaryData<Buffer>) => void): Promise<string> {
  const path = join(shortDir(t), 's');
  const server = new Server();
  const passed = { requestSerialize: Buffer.from, requestDeserialize: Buffer.from };
  const method = { ...passed, responseSerialize: Buffer.from, responseDeserialize: Buffer.from };
  server.addService(
    { check: { path: '/grpc.health.v1.Health/Check', requestStream: false, responseStream: false, ...method } },
    { check: (_call: unknown, callback: sendUnaryData<Buffer>) => answer(callback) },
  );
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    );
  });
  t.teardown(() => server.forceShutdown());
  return path;
}

const byGrpcJs = [
  { name: 'one that serves', answer: [0x08, 0x01], want: { code: 0, out: 'SERVING\n' } },
  { name: 'one that does not', answer: [0x08, 0x02], want: { code: 1, err: 'NOT_SERVING\n' } },
  { name: 'one with an empty answer', answer: [], want: { code: 1, err: 'UNKNOWN\n' } },
  { name: 'one whose answer is no message', answer: [0x08], want: { code: 1, err: /\S/ } },
  {
    name: 'one with far too long an answer',
    answer: new Array(5000).fill(0),
    want: { code: 1, err: /RESOURCE_EXHAUSTED/ },
  },
];
for (const { name, answer, want } of byGrpcJs) {
  t.test(`a server of grpc-js is asked: ${name}`, async (t) => {
    const path = await served(t, (callback) => callback(null, Buffer.from(answer)));
    t.match(await ask(t, '--socket', path), want);
  });
}

t.test('a refusal is told by its status, and a server that says nothing by the deadline', async (t) => {
  const refusing = await served(t, (callback) => callback({ code: status.PERMISSION_DENIED, details: 'not you' }));
  t.match(await ask(t, '--socket', refusing), { code: 1, err: 'PERMISSION_DENIED: not you\n' });
  const silent = await served(t, () => {});
  t.match(await ask(t, '--socket', silent, '--timeout', '1s'), { code: 1, err: /^DEADLINE_EXCEEDED/ });
});

t.test('what is no gRPC server is told as unavailable', async (t) => {
  const path = join(shortDir(t), 's');
  const server = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  t.teardown(() => server.close());
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.match(await ask(t, '--socket', path), { code: 1, err: /^UNAVAILABLE/ });
  t.match(await ask(t, '--socket', `${path}.none`), { code: 1, err: /^UNAVAILABLE: .*ENOENT/ });
});

t.test('an agent with an SVID serves', async (t) => {
  const agents = await serveAgents(t);
  await agents.start();
  await takeKey(openSdsClient(t, agents.socket));
  t.match(await ask(t, '--socket', agents.socket), { code: 0, out: 'SERVING\n' });
});

t.test('a Citadel is asked over TLS, by its roots', async (t) => {
  const citadel = await startCitadel(t, hotPath);
  const root = join(shortDir(t), 'root.pem');
  writeFileSync(root, citadel.rootPem);
  const args = ['--address', citadel.address, '--ca-root', root];
  t.match(await ask(t, ...args), { code: 1, err: /^UNIMPLEMENTED/ }, 'this one of the tests has no such method');
  const other = await startCitadel(t, hotPath);
  writeFileSync(root, other.rootPem);
  t.match(await ask(t, ...args), { code: 1, err: /^UNAVAILABLE: no connection/ });
});

t.test('a check of an agent loads neither TLS nor cryptography, and no addon', async (t) => {
  const path = await served(t, (callback) => callback(null, Buffer.from([0x08, 0x01])));
  const tell = join(shortDir(t), 'tell.cjs');
  writeFileSync(
    tell,
    "process.on('exit', () => console.log(process.moduleLoadList.join(), Object.keys(require.cache)));",
  );
  const sidecert = ['env', '-u', 'NODE_OPTIONS', process.execPath, '--require', tell, SIDECERT[1] ?? ''];
  const { out } = await runSidecert(t, ['health', '--socket', path, '--timeout', '1m'], { sidecert });
  t.match(out, /SERVING/);
  t.notMatch(out, /NativeModule (tls|crypto|http2?|dns|worker_threads|v8|inspector|fs\/promises)\b/);
  t.notMatch(out, /sidecert\.node|agent\.js|commands\.js/);
});
