import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { AllowedSan, WorkloadProxy } from '../../src/envoy-bootstrap/workload-proxy.js';
import { BackendApp } from '../support/backend-app.js';
import { FakeCaServer } from '../support/fake-ca-server.js';
import { askMtls, EndlessAnswer, identityOf, untilServed } from '../support/mtls-client.js';
import { realEnvoys } from '../support/real-envoy.js';
import { envoyFiles, RunningEnvoy, sidecarBootstrap } from '../support/running-envoy.js';
import { openSdsClient } from '../support/sds-client.js';
import { serialOfPem } from '../support/served-serial.js';
import { shortDir } from '../support/short-dir.js';
import { SLEEP, startSidecarAgent, untilAll } from '../support/sidecar-agent.js';
import { TestCa } from '../support/test-ca.js';

// The numbers are the rows of the conformance checklist, reference/sds.md section 4.

const FOREIGN = 'spiffe://other.example/ns/foo/sa/sleep';
const EVERYBODY: readonly AllowedSan[] = ['cluster.local', 'other.example'].map((domain) => ({
  kind: 'prefix',
  value: `spiffe://${domain}/`,
}));

/** A sidecar with its application in front of an agent's socket. */
async function startEnvoy(t: Test, path: string, changes: Partial<WorkloadProxy> & { readonly socketPath: string }) {
  const files = envoyFiles(shortDir(t));
  const app = await BackendApp.start(t, files.app);
  const inbound = { address: { path: files.inbound }, app: { path: files.app }, allowedSans: EVERYBODY };
  const bootstrap = sidecarBootstrap(files, { inbound, ...changes });
  return { app, envoy: await RunningEnvoy.start(t, { path, files, bootstrap }) };
}

/** The serial that an agent hands out under a name, to a client of ours. */
async function serialFrom(t: Test, socketPath: string, name: string): Promise<string> {
  const stream = openSdsClient(t, socketPath);
  stream.request({ names: [name], nodeId: 'test' });
  const { secrets } = await untilAll(stream, 1);
  return serialOfPem(secrets[0]?.tlsCertificate?.certificateChain?.inlineBytes ?? Buffer.alloc(0));
}

for (const { name, path, skip } of realEnvoys()) {
  for (const sdsApi of ['sotw', 'delta'] as const) {
    t.test(`${name} takes by ${sdsApi} what it asks for by any of its names`, { skip, timeout: 250_000 }, async (t) => {
      const directory = shortDir(t);
      const ca = await FakeCaServer.start(t);
      const file = (name: string, content: Buffer): string => {
        writeFileSync(join(directory, name), content);
        return join(directory, name);
      };
      const pair = ca.root.server({ uris: [SLEEP] });
      const fileCertificate = `file-cert:${file('crt', pair.certPem)}~${file('key', pair.keyPem)}`;
      const names = [
        { certificateName: 'default', bundleName: 'ROOTCA' },
        { certificateName: SLEEP, bundleName: 'spiffe://cluster.local' },
        { certificateName: 'default', bundleName: 'ALL' },
        { certificateName: fileCertificate, bundleName: `file-root:${file('root', ca.rootPem)}` },
      ];
      const agent = await startSidecarAgent(t, { ca, flags: { 'secret-dir': directory } });
      const client = identityOf(ca.root, SLEEP);
      for (const { certificateName, bundleName } of names) {
        await t.test(`${certificateName.split(':')[0]} and ${bundleName}`, async (t) => {
          const { envoy } = await startEnvoy(t, path, {
            ...{ socketPath: agent.socket, sdsApi, certificateName, bundleName },
          });
          await untilServed(envoy, client, await serialFrom(t, agent.socket, certificateName));
          const stranger = identityOf(TestCa.root('stranger'), SLEEP);
          t.match(await askMtls(envoy.files.inbound, { ...stranger, trusts: ca.rootPem }), { kind: 'refused' });
        });
      }
    });
  }

  t.test(`row 44: ${name} lets a root vouch for its own trust domain only`, { skip, timeout: 250_000 }, async (t) => {
    const file = join(shortDir(t), 'other.pem');
    const other = TestCa.root('other');
    writeFileSync(file, other.certificatePem);
    const agent = await startSidecarAgent(t, { flags: { 'federated-bundle': `other.example=${file}` } });
    const { root: ours, rootPem: trusts } = agent.ca;
    const { envoy } = await startEnvoy(t, path, { socketPath: agent.socket, bundleName: 'ALL' });
    await untilServed(envoy, identityOf(ours, SLEEP), await serialFrom(t, agent.socket, 'default'));
    const callers = [
      { who: 'a foreigner of its own root', identity: identityOf(other, FOREIGN), kind: 'answered' },
      { who: 'one of ours by the foreign root', identity: identityOf(other, SLEEP), kind: 'refused' },
      { who: 'a foreigner by our root', identity: identityOf(ours, FOREIGN), kind: 'refused' },
      { who: 'a domain without roots', identity: identityOf(other, 'spiffe://third.example/x'), kind: 'refused' },
      { who: 'nobody', identity: {}, kind: 'refused' },
    ];
    for (const { who, identity, kind } of callers) {
      t.match(await askMtls(envoy.files.inbound, { ...identity, trusts }), { kind }, who);
    }
    const next = TestCa.root('next');
    writeFileSync(`${file}.new`, next.certificatePem);
    renameSync(`${file}.new`, file);
    await untilServed(envoy, { ...identityOf(next, FOREIGN), trusts }, await serialFrom(t, agent.socket, 'default'));
    const former = await askMtls(envoy.files.inbound, { ...identityOf(other, FOREIGN), trusts });
    t.match(former, { kind: 'refused' }, 'a root that has been replaced');
  });

  t.test(
    `row 55: ${name} builds one TLS context more for an agent with a new key`,
    { skip, timeout: 250_000 },
    async (t) => {
      const socket = join(shortDir(t), 's');
      const ca = await FakeCaServer.start(t);
      const client = identityOf(ca.root, SLEEP);
      const { app, envoy } = await startEnvoy(t, path, { socketPath: socket });
      await t.test('with the first agent', async (t) => {
        await startSidecarAgent(t, { ca, flags: { socket } });
        await untilServed(envoy, client, await serialFrom(t, socket, 'default'));
      });
      const answer = new EndlessAnswer(envoy.files.inbound, client);
      t.teardown(() => answer.close());
      t.ok(await answer.has('first'), 'it serves on without an agent');
      const rebuilds = await envoy.stat('server_ssl_socket_factory.ssl_context_update_by_sds');
      const bundles = await envoy.stat('sds.ROOTCA.update_success');
      await startSidecarAgent(t, { ca, flags: { socket } });
      await untilServed(envoy, client, await serialFrom(t, socket, 'default'));
      await envoy.untilStat('sds.ROOTCA.update_success', bundles + 1);
      t.equal(await envoy.stat('server_ssl_socket_factory.ssl_context_update_by_sds'), rebuilds + 1);
      app.goOn('last');
      t.ok(await answer.has('last'), 'the connection of before lives on');
    },
  );
}
