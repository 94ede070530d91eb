import { chmodSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { FakeCaServer } from '../support/fake-ca-server.js';
import { openSdsClient } from '../support/sds-client.js';
import { serveStatus } from '../support/served-status.js';
import { shortDir } from '../support/short-dir.js';
import { runSidecert, SidecertProcess } from '../support/sidecert-process.js';
import { TokenIssuer } from '../support/test-tokens.js';

const SLEEP = 'spiffe://cluster.local/ns/foo/sa/sleep';

interface Agent {
  readonly directory: string;
  readonly status: string;
  readonly socket: string;
  readonly token: string;
  readonly process: SidecertProcess;
}

/** The real program, whose pages are on a Unix socket. */
async function startAgent(t: Test, ca: { readonly address: string; readonly rootPem: Buffer }): Promise<Agent> {
  const directory = shortDir(t);
  const [status = '', socket = '', root = '', tokenFile = ''] = ['status', 'sds', 'root.pem', 'token'].map((name) =>
    join(directory, name),
  );
  const token = await new TokenIssuer().token();
  writeFileSync(root, ca.rootPem);
  writeFileSync(tokenFile, token);
  const process = new SidecertProcess(t, [
    ...['agent', '--socket', socket, '--status-address', status, '--ca-address', ca.address, '--ca-root', root],
    ...['--token-file', tokenFile, '--namespace', 'foo', '--service-account', 'sleep'],
  ]);
  await process.says('"status page open"');
  return { directory, status, socket, token, process };
}

t.test('an agent that serves is shown with its certificate, its CA and its streams, with exit code 0', async (t) => {
  const ca = await FakeCaServer.start(t);
  const { status, socket, token } = await startAgent(t, ca);
  const stream = openSdsClient(t, socket);
  stream.request({ names: ['default'], nodeId: 'sleep-1' });
  const response = await stream.expectResponse();
  stream.nack(response, 'no such\u001b[31m thing');
  const shown = await runSidecert(t, ['status', '--status-address', status]);
  t.equal(shown.code, 0, shown.err);
  for (const text of [
    /agent \(sidecar mode\)/,
    new RegExp(`^${SLEEP} {2}valid$`, 'm'),
    /^ {2}serial +[0-9a-f]{8,}$/m,
    new RegExp(`^ {2}source +CA ${ca.address}, TLSv1.3`, 'm'),
    /^ {2}life left +23h \d+m \(20/m,
    /^ {2}next renewal +in \d+m /m,
    new RegExp(`^CA ${ca.address} {2}ready$`, 'm'),
    /^Envoys: 1 connection, 1 stream$/m,
    /^all that is served is valid, but not all streams have accepted it$/m,
  ]) {
    t.match(shown.out, text);
  }
  t.notOk(shown.out.includes('\u001b'), 'no colours, and nothing of a peer that controls a terminal');
  t.notOk(shown.out.includes(token), 'no token');
  const json = await runSidecert(t, ['status', '--status-address', status, '--output', 'json']);
  t.match(JSON.parse(json.out), { mode: 'sidecar', identities: [{ spiffe_id: SLEEP, svid: 'valid' }] });
  t.notOk(json.out.includes(token), 'no token');
});

t.test('an agent without a certificate is shown with why, and exit code 1', async (t) => {
  const ca = await FakeCaServer.start(t);
  ca.fault = { kind: 'reject', code: 16 };
  const { status, process } = await startAgent(t, ca);
  await process.says('ERR_CA_REFUSED_TOKEN');
  const { code, out } = await runSidecert(t, ['status', '--status-address', status]);
  t.equal(code, 1);
  t.match(out, new RegExp(`^${SLEEP} {2}no certificate$`, 'm'));
  t.match(out, /^ {2}last failure +ERR_CA_REFUSED_TOKEN \d+s ago.*UNAUTHENTICATED/m);
  t.match(out, new RegExp(`^${SLEEP} has no certificate$`, 'm'));
});

t.test('a Citadel is shown with what it signs with', async (t) => {
  const directory = shortDir(t);
  const [jwks = '', status = ''] = ['jwks.json', 'status'].map((name) => join(directory, name));
  const issuer = new TokenIssuer();
  writeFileSync(jwks, JSON.stringify(issuer.jwks));
  const citadel = new SidecertProcess(t, [
    ...['citadel', '--listen', '127.0.0.1:0', '--ca-dir', join(directory, 'ca'), '--jwks', jwks],
    ...['--token-issuer', issuer.issuer, '--status-address', status],
  ]);
  await citadel.says('"status page open"');
  const { code, out } = await runSidecert(t, ['status', '--status-address', status]);
  t.equal(code, 0);
  t.match(out, /citadel of cluster\.local/);
  t.match(out, /^Signing certificate\n {2}serial +[0-9a-f]+\n {2}life left +\d+d/m);
});

t.test('--watch asks again until it is interrupted; as JSON, one line each time', async (t) => {
  const ca = await FakeCaServer.start(t);
  const { status } = await startAgent(t, ca);
  const watch = new SidecertProcess(t, ['status', '--watch', '--output=json', '--status-address', status]);
  await watch.prints('}\n{');
  watch.kill('SIGINT');
  const { code, out } = await watch.whole();
  t.equal(code, 0);
  for (const line of out.trim().split('\n')) t.match(JSON.parse(line), { mode: 'sidecar' });
});

t.test('a peer that is no sidecert, or is not there, is named with what to do, with exit code 1', async (t) => {
  const directory = shortDir(t);
  const path = (name: string): string => join(directory, name);
  writeFileSync(path('file'), '');
  const stale = createServer();
  await new Promise<void>((resolve) => stale.listen(path('stale'), resolve));
  const hung = createServer();
  await new Promise<void>((resolve) => hung.listen(path('hung'), resolve));
  t.teardown(() => hung.close());
  const talks = createServer((socket) => socket.on('error', () => {}).end('SSH-2.0-OpenSSH_9.2\r\n'));
  await new Promise<void>((resolve) => talks.listen(path('ssh'), resolve));
  t.teardown(() => talks.close());
  const cases = [
    { at: path('none'), err: /ENOENT, there is no such socket: start the process with this --status-address/ },
    { at: path('file'), err: /got a file that is not a socket/ },
    { at: path('ssh'), err: /got an answer that is not HTTP\/1\.1: the SDS socket \(--socket\) and ports of TLS/ },
    { at: path('hung'), err: /got no answer within 5 s: the process is stopped or overloaded/ },
    { at: '127.0.0.1:1', err: /ECONNREFUSED, no process listens there/ },
    { at: await serveStatus(t, '<html>\u001b[2J', 200), err: /got "<html> \[2J", from a process that is not sidecert/ },
    { at: await serveStatus(t, '{}', 404), err: /got HTTP status 404, from a process that is not sidecert/ },
    { at: await serveStatus(t, '{"a":1}'), err: /got JSON without version and hot_path/ },
  ];
  for (const { at, err } of cases) {
    const result = await runSidecert(t, ['status', '--status-address', at]);
    t.match(result, { code: 1, out: '', err }, at);
  }
  await new Promise<void>((resolve) => stale.close(() => resolve()));
});

t.test('a socket that its owner has left, and one that may not be entered', async (t) => {
  const ca = await FakeCaServer.start(t);
  const { status, process, directory } = await startAgent(t, ca);
  process.kill('SIGKILL');
  await process.ended;
  t.match(await runSidecert(t, ['status', '--status-address', status]), {
    ...{ code: 1, err: /ECONNREFUSED, the process that made this socket has ended/ },
  });
  if (globalThis.process.getuid?.() === 0) return;
  chmodSync(directory, 0o600);
  t.teardown(() => chmodSync(directory, 0o700));
  t.match(await runSidecert(t, ['status', '--status-address', status]), {
    ...{ code: 1, err: /EACCES, permission denied: the socket has mode 0660/ },
  });
});

t.test('the SDS socket of an agent is told from its pages', async (t) => {
  const ca = await FakeCaServer.start(t);
  const { socket } = await startAgent(t, ca);
  const { code, err } = await runSidecert(t, ['status', '--status-address', socket]);
  t.equal(code, 1);
  t.match(
    err,
    /got an answer that is not HTTP\/1\.1: the SDS socket \(--socket\) and ports of TLS speak something else/,
  );
});

t.test('another machine is not asked: exit code 2', async (t) => {
  for (const address of ['10.0.0.1:15020', 'example.com:80', '127.0.0.1:0']) {
    t.match(await runSidecert(t, ['status', '--status-address', address]), {
      ...{ code: 2, out: '', err: /expected a port of this machine \(127\.0\.0\.1:PORT/ },
    });
  }
  const of = await runSidecert(t, ['status']);
  t.match(of, { code: 2, err: /--status-address: got nothing, expected a port of this machine/ });
});

t.test('what a pod listens on, 0.0.0.0, is asked by loopback', async (t) => {
  const page = JSON.stringify({ version: '1', hot_path: 'js', mode: 'node', identities: [] });
  const address = (await serveStatus(t, page)).replace('127.0.0.1', '0.0.0.0');
  t.match(await runSidecert(t, ['status'], { env: { SIDECERT_STATUS_ADDRESS: address } }), { code: 0 });
});
