import { once } from 'node:events';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import { bundleSecret, SLEEP_ID, svidSecret } from '../fleet/secrets.js';
import { ecKeys } from '../hotpath/pki.js';
import { BackendApp } from '../support/backend-app.js';
import { realEnvoys } from '../support/real-envoy.js';
import { envoyFiles, RunningEnvoy, sidecarBootstrap } from '../support/running-envoy.js';
import { SdsEndpoint } from '../support/sds-endpoint.js';
import { shortDir } from '../support/short-dir.js';
import { privateKeyPem, TestCa } from '../support/test-ca.js';
import { askUnix } from '../support/unix-http.js';

const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const;
type TlsVersion = (typeof VERSIONS)[number];

/** Long enough for six handshakes on a busy machine; the end of the leaf is what the test waits for. */
const LEAF_LIFE_MS = 20_000;

/** Both mostly wait for that end, beside one another. */
t.jobs = 2;

interface Client {
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion;
}

interface Outcome {
  readonly isAnswered: boolean;
  readonly isResumed: boolean;
  /** What the client may offer the next time. */
  readonly session: Buffer | undefined;
}

/** Asks for `/` in a connection of its own, offering a session where there is one. */
async function ask(path: string, client: Client, offered?: Buffer): Promise<Outcome> {
  const socket = connect({
    path,
    ...client,
    ...(offered && { session: offered }),
    checkServerIdentity: () => undefined,
  });
  let session: Buffer | undefined;
  let isResumed = false;
  let text = '';
  socket.on('session', (given: Buffer) => {
    session = given;
  });
  socket.on('secureConnect', () => {
    isResumed = socket.isSessionReused();
  });
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  socket.on('error', () => {});
  socket.write('GET / HTTP/1.1\r\nhost: app\r\nconnection: close\r\n\r\n');
  await new Promise((resolve) => socket.once('close', resolve));
  return { isAnswered: text.startsWith('HTTP/1.1 200'), isResumed, session };
}

/** A sidecar that lets the trust domain in, and a client whose leaf expires within seconds. */
async function startSidecar(t: Test, path: string, change: (bootstrap: string) => string = (text) => text) {
  const directory = shortDir(t);
  const files = envoyFiles(directory);
  const ca = TestCa.root();
  const endpoint = await SdsEndpoint.start(t, join(directory, 'sds'));
  await BackendApp.start(t, files.app);
  endpoint.source.setSecrets({ default: svidSecret(ca), ROOTCA: bundleSecret(ca.certificatePem) });
  const text = JSON.stringify(sidecarBootstrap(files, { socketPath: endpoint.socketPath }));
  const envoy = await RunningEnvoy.start(t, { path, files, bootstrap: JSON.parse(change(text)) });
  await envoy.ready();
  const newClient = (version: TlsVersion): Client => {
    const keys = ecKeys();
    const cert = ca.leaf(keys, { uris: [SLEEP_ID], notAfterMs: Date.now() + LEAF_LIFE_MS });
    const trusted = { ca: ca.certificatePem, cert, key: privateKeyPem(keys) };
    return { ...trusted, minVersion: version, maxVersion: version };
  };
  return { envoy, files, newClient };
}

/** Resolves when the sidecar refuses a full handshake with the client's leaf. */
async function untilExpired(envoy: RunningEnvoy, client: Client): Promise<void> {
  await envoy.until('the leaf of the client has expired', async () => {
    const { isAnswered } = await ask(envoy.files.inbound, client);
    return !isAnswered || undefined;
  });
}

/** What `sidecert bootstrap` says against resumption, taken out. */
const allowingResumption = (bootstrap: string): string =>
  bootstrap.replaceAll(/"disable_state(less|ful)_session_resumption":true,/g, '');

for (const { name, path, skip } of realEnvoys()) {
  t.test(`${name}: a client whose leaf has expired`, { skip, timeout: 250_000, buffered: true }, async (t) => {
    const strict = await startSidecar(t, path);
    const lax = await startSidecar(t, path, allowingResumption);
    const clients = VERSIONS.map((version) => ({
      version,
      strict: strict.newClient(version),
      lax: lax.newClient(version),
    }));
    const sessions = new Map<string, Buffer | undefined>();
    for (const { version, ...client } of clients) {
      const first = await ask(strict.files.inbound, client.strict);
      t.match(first, { isAnswered: true, isResumed: false }, version);
      sessions.set(version, first.session);
      const second = await ask(strict.files.inbound, client.strict, first.session);
      t.match(second, { isAnswered: true, isResumed: false }, `${version}: each connection proves the client anew`);
      sessions.set(`lax ${version}`, (await ask(lax.files.inbound, client.lax)).session);
    }
    for (const { strict: client } of clients) await untilExpired(strict.envoy, client);
    for (const { lax: client } of clients) await untilExpired(lax.envoy, client);

    for (const { version, ...client } of clients) {
      await t.test(`${version}: is refused, whatever it offers`, async (t) => {
        t.match(await ask(strict.files.inbound, client.strict, sessions.get(version)), { isAnswered: false });
        t.match(await ask(strict.files.inbound, client.strict, sessions.get(`lax ${version}`)), { isAnswered: false });
        t.equal(await strict.envoy.stat('ssl.session_reused'), 0);
      });

      // What the test above is worth: it sees the fault.
      await t.test(`${version}: is let in where sessions are resumed`, async (t) => {
        const outcome = await ask(lax.files.inbound, client.lax, sessions.get(`lax ${version}`));
        t.match(outcome, { isAnswered: true, isResumed: true });
      });
    }
  });
}

/** A server of another kind that lets its clients resume; tells of each connection whether that was one. */
async function startLaxServer(t: Test, path: string, ca: TestCa): Promise<boolean[]> {
  const keys = ecKeys();
  const identity = { cert: ca.leaf(keys, { uris: [SLEEP_ID] }), key: privateKeyPem(keys), ca: ca.certificatePem };
  const resumed: boolean[] = [];
  const server = createServer({ ...identity, requestCert: true }, (_request, response) => {
    response.writeHead(200, { connection: 'close' }).end();
  });
  server.on('secureConnection', (socket: TLSSocket) => resumed.push(socket.isSessionReused()));
  server.listen(path);
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  return resumed;
}

for (const { name, path, skip } of realEnvoys()) {
  const callers = [
    { what: 'proves its server anew in each connection', change: (text: string) => text, want: [false, false, false] },
    {
      // What the test above is worth: it sees the fault.
      what: 'would resume without what the bootstrap says',
      change: (text: string) => text.replaceAll('"max_session_keys":0,', ''),
      want: [false, true, true],
    },
  ];
  for (const { what, change, want } of callers) {
    t.test(`${name}, as a client, ${what}`, { skip }, async (t) => {
      const directory = shortDir(t);
      const files = envoyFiles(directory);
      const ca = TestCa.root();
      const endpoint = await SdsEndpoint.start(t, join(directory, 'sds'));
      endpoint.source.setSecrets({ default: svidSecret(ca), ROOTCA: bundleSecret(ca.certificatePem) });
      const server = join(directory, 'server');
      const resumed = await startLaxServer(t, server, ca);
      const upstreams = [{ name: 'peer', address: { path: server }, spiffeId: SLEEP_ID }];
      const outbound = { address: { path: files.outbound }, upstreams };
      const text = JSON.stringify(sidecarBootstrap(files, { socketPath: endpoint.socketPath, outbound }));
      const envoy = await RunningEnvoy.start(t, { path, files, bootstrap: JSON.parse(change(text)) });
      await envoy.ready();
      for (const _request of want) {
        const { status } = await askUnix(files.outbound, '/', { host: 'peer' });
        t.equal(status, 200);
      }
      t.strictSame(resumed, want);
    });
  }
}
