import { once } from 'node:events';
import { createServer as createHttpsServer } from 'node:https';
import { createServer } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { bundleSecret, SLEEP_ID, svidSecret } from '../fleet/secrets.js';
import { ecKeys } from '../hotpath/pki.js';
import { realEnvoys } from '../support/real-envoy.js';
import { envoyFiles, RunningEnvoy, sidecarBootstrap } from '../support/running-envoy.js';
import { SdsEndpoint } from '../support/sds-endpoint.js';
import { shortDir } from '../support/short-dir.js';
import { privateKeyPem, TestCa } from '../support/test-ca.js';
import { askUnix } from '../support/unix-http.js';

/** Connections are replaced often, and a handshake takes several times as long. */
const MAX_AGE_MS = 50;
const HANDSHAKE_MS = 500;

/** A server over mutual TLS, as one of a busy machine: it reads nothing of a connection for a while. */
async function startSlowServer(t: Test, path: string, ca: TestCa): Promise<void> {
  const keys = ecKeys();
  const identity = { cert: ca.leaf(keys, { uris: [SLEEP_ID] }), key: privateKeyPem(keys), ca: ca.certificatePem };
  const https = createHttpsServer({ ...identity, requestCert: true }, (_request, response) => response.end());
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    t.teardown(() => socket.destroy());
    setTimeout(() => https.emit('connection', socket), HANDSHAKE_MS);
  });
  server.listen(path);
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    https.closeAllConnections();
  });
}

for (const { name, path, skip } of realEnvoys()) {
  t.test(`${name} waits for a handshake that takes longer than a connection may live`, { skip }, async (t) => {
    const directory = shortDir(t);
    const files = envoyFiles(directory);
    const ca = TestCa.root();
    const endpoint = await SdsEndpoint.start(t, join(directory, 'sds'));
    endpoint.source.setSecrets({ default: svidSecret(ca), ROOTCA: bundleSecret(ca.certificatePem) });
    const server = join(directory, 'server');
    await startSlowServer(t, server, ca);
    const upstreams = [{ name: 'peer', address: { path: server }, spiffeId: SLEEP_ID }];
    const bootstrap = sidecarBootstrap(files, {
      ...{ socketPath: endpoint.socketPath, maxConnectionAgeMs: MAX_AGE_MS },
      outbound: { address: { path: files.outbound }, upstreams },
    });
    const envoy = await RunningEnvoy.start(t, { path, files, bootstrap });
    await envoy.ready();
    const asked = Array.from({ length: 10 }, () => askUnix(files.outbound, '/', { host: 'peer' }));
    const answers = await Promise.all(asked);
    t.same(
      answers.map(({ status, body }) => ({ status, body })),
      answers.map(() => ({ status: 200, body: '' })),
    );
  });
}
