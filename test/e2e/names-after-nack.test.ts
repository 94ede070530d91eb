import { join } from 'node:path';
import t from 'tap';
import { bundleSecret, SLEEP_ID, svidSecret } from '../fleet/secrets.js';
import { ADS_WAYS, adsBootstrap, anotherListener, ListenerFile } from '../support/ads-listeners.js';
import { BackendApp } from '../support/backend-app.js';
import { askMtls, identityOf, untilServed } from '../support/mtls-client.js';
import { realEnvoys } from '../support/real-envoy.js';
import { envoyFiles, RunningEnvoy } from '../support/running-envoy.js';
import { SdsEndpoint } from '../support/sds-endpoint.js';
import { serialOf } from '../support/served-serial.js';
import { shortDir } from '../support/short-dir.js';
import { TestCa } from '../support/test-ca.js';

// The numbers are the rows of the conformance checklist, reference/sds.md section 4.
// After a NACK, requests of the unified mux bring the last good nonce.

for (const { name, path, skip } of realEnvoys()) {
  for (const { sdsApi, mux } of ADS_WAYS) {
    t.test(
      `row 10: ${name} by ${sdsApi}, ${mux} mux, gets more names after a NACK`,
      { skip, timeout: 250_000 },
      async (t) => {
        const directory = shortDir(t);
        const files = envoyFiles(directory);
        const ca = TestCa.root();
        const { source, socketPath } = await SdsEndpoint.start(t, join(directory, 'sds'));
        await BackendApp.start(t, files.app);
        const [first, more] = [svidSecret(ca), svidSecret(ca)];
        source.setSecrets({ default: first, more, ROOTCA: bundleSecret(ca.certificatePem) });
        const listeners = new ListenerFile(join(directory, 'listeners.json'));
        const bootstrap = adsBootstrap(files, { sdsApi, mux, socketPath, listeners });
        const envoy = await RunningEnvoy.start(t, { path, files, bootstrap });
        const client = identityOf(ca, SLEEP_ID);
        await untilServed(envoy, client, serialOf(first));
        source.setSecrets({ default: svidSecret(ca, { hasWrongKey: true }) });
        await envoy.untilStat('sds.default.update_rejected', 1);
        const nacks = await envoy.stat('update_rejected');

        listeners.write('one', [anotherListener(files, 2, { socketPath, certificateName: 'more' })]);
        await envoy.until('the other listener serves', async () => {
          const outcome = await askMtls(`${files.inbound}2`, client);
          return (outcome.kind === 'answered' && outcome.serial === serialOf(more)) || undefined;
        });
        t.match(await askMtls(files.inbound, client), { kind: 'answered', serial: serialOf(first) });
        t.equal(await envoy.stat('update_rejected'), nacks, 'and nothing more was refused');
      },
    );
  }
}
