import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { WorkloadProxy } from '../../src/envoy-bootstrap/workload-proxy.js';
import { envoy as messages } from '../../src/net/protobuf/index.js';
import { bundleSecret, SLEEP_ID, svidSecret } from '../fleet/secrets.js';
import { BackendApp } from '../support/backend-app.js';
import { askMtls, EndlessAnswer, identityOf, untilServed } from '../support/mtls-client.js';
import { realEnvoys } from '../support/real-envoy.js';
import { type EnvoyFiles, envoyFiles, RunningEnvoy, sidecarBootstrap } from '../support/running-envoy.js';
import { SdsEndpoint } from '../support/sds-endpoint.js';
import { asksBy, REST_WAYS, type SdsWay, STREAM_WAYS, waysOf } from '../support/sds-ways.js';
import { serialOf } from '../support/served-serial.js';
import { shortDir } from '../support/short-dir.js';
import { TestCa } from '../support/test-ca.js';
import { askUnix } from '../support/unix-http.js';

// The numbers are the rows of the conformance checklist, reference/sds.md section 4.

const REBUILDS = 'server_ssl_socket_factory.ssl_context_update_by_sds';

const { Secret } = messages.extensions.transport_sockets.tls.v3;

type Changes = (files: EnvoyFiles) => Partial<WorkloadProxy>;

/** A sidecar with its application, before an agent's socket whose secrets the test sets. */
async function startSidecar(t: Test, path: string, way: SdsWay, changes: Changes = () => ({})) {
  const directory = shortDir(t);
  const files = envoyFiles(directory);
  const tokenFile = join(directory, 'token');
  await writeFile(tokenFile, 'a.b.c');
  const ca = TestCa.root();
  const endpoint = await SdsEndpoint.start(t, join(directory, 'sds'));
  const app = await BackendApp.start(t, files.app);
  const bootstrap = sidecarBootstrap(files, {
    socketPath: way.api === 'rest' ? endpoint.restPath : endpoint.socketPath,
    ...asksBy(way, tokenFile),
    ...changes(files),
  });
  const client = identityOf(ca, SLEEP_ID);
  const start = () => RunningEnvoy.start(t, { path, files, bootstrap });
  return { ca, endpoint, app, client, files, start };
}

for (const { name, path, skip } of realEnvoys()) {
  for (const way of waysOf(name, [...STREAM_WAYS, ...REST_WAYS])) {
    t.test(`${name} by ${way.name}: from nothing to a rotation`, { skip, timeout: 250_000 }, async (t) => {
      const { ca, endpoint, app, client, start } = await startSidecar(t, path, way, () => ({
        initialFetchTimeoutMs: 300,
      }));
      const { source } = endpoint;
      const first = svidSecret(ca);
      const envoy = await start();

      await t.test('row 17: what is not there is not answered, and Envoy goes on without', async (t) => {
        await envoy.ready();
        t.equal(await envoy.stat('sds.default.init_fetch_timeout'), 1);
        t.equal(await envoy.stat('sds.default.update_success'), 0);
        t.match(await askMtls(envoy.files.inbound, client), { kind: 'refused' });
      });

      await t.test('row 1: it takes the first secrets', async (t) => {
        source.setSecrets({ default: first, ROOTCA: bundleSecret(ca.certificatePem) });
        await untilServed(envoy, client, serialOf(first));
        t.match(await askMtls(envoy.files.inbound, client), { status: 200, body: new RegExp(`URI=${SLEEP_ID}$`) });
        t.same(await envoy.serials(), [serialOf(first)]);
        t.match(await askMtls(envoy.files.inbound, { trusts: ca.certificatePem }), { kind: 'refused' });
      });

      await t.test('a rotation costs no connection', async (t) => {
        const rebuilds = await envoy.stat(REBUILDS);
        const endless = new EndlessAnswer(envoy.files.inbound, client);
        t.teardown(() => endless.close());
        t.ok(await endless.has('first'));
        const second = svidSecret(ca);
        source.setSecrets({ default: second });
        await untilServed(envoy, client, serialOf(second));
        app.goOn('after the rotation');
        t.ok(await endless.has('after the rotation'));
        t.equal(await envoy.stat(REBUILDS), rebuilds + 1);
      });

      await t.test('rows 25, 27, 55: an agent that comes back with the same secrets changes nothing', async (t) => {
        const { counter, by } = way.answered;
        const counters = [`sds.default.${counter}`, `sds.ROOTCA.${counter}`];
        const rebuilds = await envoy.stat(REBUILDS);
        await endpoint.stop();
        const before = await Promise.all(counters.map((name) => envoy.stat(name)));
        await endpoint.start();
        // Row 27: by delta too, where Envoy says that it has these very versions.
        await Promise.all(counters.map((name, index) => envoy.untilStat(name, (before[index] ?? 0) + by)));
        t.equal(await envoy.stat(REBUILDS), rebuilds);
        t.match(await askMtls(envoy.files.inbound, client), { status: 200 });
      });
    });
  }

  // By ADS, Envoy crashes at its start: its clusters are there before ADS is. (envoy#15517)
  for (const way of waysOf(name, [...STREAM_WAYS, ...REST_WAYS]).filter(({ isAggregated }) => !isAggregated)) {
    t.test(`${name} by ${way.name}: the client's side of mutual TLS`, { skip, timeout: 250_000 }, async (t) => {
      const { ca, endpoint, files, start } = await startSidecar(t, path, way, ({ inbound, outbound }) => ({
        outbound: {
          address: { path: outbound },
          upstreams: [{ name: 'peer', address: { path: inbound }, spiffeId: SLEEP_ID }],
        },
      }));
      endpoint.source.setSecrets({ default: svidSecret(ca), ROOTCA: bundleSecret(ca.certificatePem) });
      const envoy = await start();
      await envoy.ready();
      const { status, body } = await askUnix(files.outbound, '/', { host: 'peer' });
      t.same({ status, caller: body.split(';').at(-1) }, { status: 200, caller: `URI=${SLEEP_ID}` });
    });
  }

  for (const way of waysOf(name, STREAM_WAYS)) {
    t.test(
      `${name} by ${way.name}: what it refuses, and what it must not get`,
      { skip, timeout: 250_000 },
      async (t) => {
        const { ca, endpoint, client, start } = await startSidecar(t, path, way);
        const { source } = endpoint;
        const stranger = identityOf(TestCa.root('stranger'), SLEEP_ID);
        source.setSecrets({ default: svidSecret(ca, { hasWrongKey: true }), ROOTCA: bundleSecret(ca.certificatePem) });
        const envoy = await start();
        // Whose stream is shared counts one NACK for each of the two names.
        const countsPerNack = way.isAggregated ? 2 : 1;
        const nacks = async (): Promise<number> => (await envoy.stat('update_rejected')) / countsPerNack;
        const untilNack = (number: number) => envoy.untilStat('update_rejected', number * countsPerNack);

        await t.test('a pair of which one is bad heals when that one is replaced', async (t) => {
          await untilNack(1);
          const good = svidSecret(ca);
          source.setSecrets({ default: good });
          await untilServed(envoy, client, serialOf(good));
          t.equal(await nacks(), 1);
        });

        await t.test('rows 4, 5: what it has refused never comes again, what is new comes at once', async (t) => {
          const [before] = await envoy.serials();
          source.setSecrets({ default: svidSecret(ca, { hasWrongKey: true }) });
          await untilNack(2);
          t.match(await askMtls(envoy.files.inbound, client), { status: 200, serial: before });
          const other = TestCa.root('other');
          source.setSecrets({ ROOTCA: bundleSecret(Buffer.concat([ca.certificatePem, other.certificatePem])) });
          // Envoy builds its context of the new bundle and of the key that it has refused, and blames the bundle.
          await untilNack(3);
          const good = svidSecret(ca);
          source.setSecrets({ default: good });
          await untilServed(envoy, { ...identityOf(other, SLEEP_ID), trusts: ca.certificatePem }, serialOf(good));
          t.equal(await nacks(), 3);
        });

        await t.test('rows 41, 42: nothing comes that would make it trust everybody', async (t) => {
          const nothing = { version: 'empty', body: Buffer.from(Secret.encode({ validationContext: {} }).finish()) };
          for (const bad of [nothing, { ...svidSecret(ca), kind: 'validation-context' as const }]) {
            source.setSecrets({ ROOTCA: bad });
            const good = svidSecret(ca);
            source.setSecrets({ default: good });
            await untilServed(envoy, client, serialOf(good));
            t.match(await askMtls(envoy.files.inbound, { ...stranger, trusts: ca.certificatePem }), {
              kind: 'refused',
            });
          }
          t.equal(await nacks(), 3);
        });
      },
    );
  }
}
