import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { startAgent } from '../../src/app/index.js';
import { plainSerial } from '../../src/text/index.js';
import { BackendApp } from '../support/backend-app.js';
import {
  istioFiles,
  LAYOUTS,
  type MountedFiles,
  mountedFiles,
  SLEEP,
  writeAsKubelet,
} from '../support/mounted-identity.js';
import { askMtls, EndlessAnswer, untilServed } from '../support/mtls-client.js';
import { realEnvoys } from '../support/real-envoy.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { envoyFiles, RunningEnvoy, sidecarBootstrap } from '../support/running-envoy.js';
import { shortDir } from '../support/short-dir.js';
import { agentConfig } from '../support/sidecar-agent.js';

/** A client that has the identity itself, and trusts its roots. */
function clientOf({ chain, key, roots }: MountedFiles) {
  return { cert: chain, key, trusts: roots };
}

for (const { name, path, skip } of realEnvoys()) {
  for (const [layout, filesOf] of Object.entries(LAYOUTS)) {
    t.test(`${name} gets the files of ${layout} over SDS, without any CA`, { skip, timeout: 250_000 }, async (t) => {
      const directory = shortDir(t);
      const certs = join(directory, 'certs');
      mkdirSync(certs);
      const socket = join(directory, 's');
      const logger = new RecordingLogger();
      const config = agentConfig({ socket, 'identity-source': 'file', 'identity-dir': certs });
      const agent = await startAgent(config, { logger, now: Date.now, random: Math.random, nodeFlags: [] });
      t.teardown(() => agent.close());
      const files = envoyFiles(directory);
      const app = await BackendApp.start(t, files.app);
      const bootstrap = sidecarBootstrap(files, { socketPath: socket });
      const envoy = await RunningEnvoy.start(t, { path, files, bootstrap });
      const isServed = (set: MountedFiles) => untilServed(envoy, clientOf(set), plainSerial(set.serial));

      const sets = [mountedFiles(), mountedFiles(), mountedFiles(), mountedFiles()] as const;
      writeAsKubelet(certs, filesOf(sets[0]), 'g0');
      await isServed(sets[0]);
      const answer = new EndlessAnswer(files.inbound, clientOf(sets[0]));
      t.teardown(() => answer.close());
      t.ok(await answer.has('first'));
      for (const [index, set] of sets.slice(1).entries()) {
        writeAsKubelet(certs, filesOf(set), `g${index + 1}`);
        await isServed(set);
      }
      app.goOn('last');
      t.ok(await answer.has('last'), 'three rotations end no connection');
      t.equal(await envoy.stat('sds.default.update_rejected'), 0);
      t.equal(await envoy.stat('sds.ROOTCA.update_rejected'), 0);
      t.match(await askMtls(files.inbound, { ...clientOf(sets[0]), trusts: sets[3].roots }), { kind: 'answered' });
      t.match(await askMtls(files.inbound, { ...clientOf(mountedFiles()), trusts: sets[3].roots }), {
        kind: 'refused',
      });
    });
  }

  t.test(`${name} never gets half of a set`, { skip, timeout: 250_000 }, async (t) => {
    const directory = shortDir(t);
    const certs = join(directory, 'certs');
    mkdirSync(certs);
    const put = (files: Readonly<Record<string, Buffer>>): void => {
      for (const [file, content] of Object.entries(files)) writeFileSync(join(certs, file), content);
    };
    const first = mountedFiles();
    put(istioFiles(first));
    const socket = join(directory, 's');
    const logger = new RecordingLogger();
    const config = agentConfig({
      ...{ socket, 'identity-source': 'file', 'identity-dir': certs },
      ...{ namespace: 'foo', 'service-account': 'sleep' },
    });
    const agent = await startAgent(config, { logger, now: Date.now, random: Math.random, nodeFlags: [] });
    t.teardown(() => agent.close());
    const files = envoyFiles(directory);
    await BackendApp.start(t, files.app);
    const bootstrap = sidecarBootstrap(files, { socketPath: socket, certificateName: SLEEP });
    const envoy = await RunningEnvoy.start(t, { path, files, bootstrap });
    await untilServed(envoy, clientOf(first), plainSerial(first.serial));
    const updates = await envoy.stat(`sds.${SLEEP}.update_success`);

    const next = mountedFiles();
    for (const file of ['cert-chain.pem', 'key.pem']) {
      put({ [file]: istioFiles(next)[file] ?? Buffer.alloc(0) });
      const seen = logger.of('secret files refused, the last good content stays').length;
      await logger.until('secret files refused, the last good content stays', seen + 1);
      t.equal(await envoy.stat(`sds.${SLEEP}.update_success`), updates, file);
      t.match(await askMtls(files.inbound, clientOf(first)), { kind: 'answered', serial: plainSerial(first.serial) });
    }
    put({ 'root-cert.pem': next.roots });
    await untilServed(envoy, clientOf(next), plainSerial(next.serial));
    for (const file of readdirSync(certs)) rmSync(join(certs, file));
    await logger.until('secret files refused, the last good content stays', 3);
    t.match(await askMtls(files.inbound, clientOf(next)), { kind: 'answered', serial: plainSerial(next.serial) });
    t.equal(await envoy.stat(`sds.${SLEEP}.update_rejected`), 0);
  });
}
