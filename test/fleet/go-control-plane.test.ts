import t, { type Test } from 'tap';
import { ecKeys } from '../hotpath/pki.js';
import { NO_GO_CONTROL_PLANE, type PemSecrets, serveGoControlPlane } from '../support/go-control-plane.js';
import { shortDir } from '../support/short-dir.js';
import { TestCa } from '../support/test-ca.js';
import { fleetOn } from './run.js';
import { SLEEP_ID } from './secrets.js';

const ca = TestCa.root();
const HOUR_MS = 3_600_000;

/** The first time go compiles some hundred packages, which takes half a minute. */
const skip = NO_GO_CONTROL_PLANE;

/** A pair that ends so many hours from now. */
function svid(hours: number): Pick<PemSecrets, 'chain' | 'key'> {
  const keys = ecKeys();
  const notAfterMs = Date.now() + hours * HOUR_MS;
  const key = Buffer.from(keys.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  return { chain: ca.leaf(keys, { uris: [SLEEP_ID], notAfterMs }), key };
}

async function startServer(t: Test, secrets: PemSecrets) {
  const server = await serveGoControlPlane(shortDir(t), secrets);
  t.teardown(() => server.stop());
  return server;
}

for (const delta of [false, true]) {
  const protocol = delta ? 'incremental' : 'state of the world';
  t.test(
    `go-control-plane serves it and two rotations, ${protocol}, and all that comes is good`,
    { skip },
    async (t) => {
      const server = await startServer(t, { ...svid(1), bundle: ca.certificatePem });
      const onMilestone = (text: string): void => {
        if (text.startsWith('all 100')) server.rotate(svid(2));
        if (text.startsWith('rotation 1 ')) server.rotate(svid(3));
      };
      const changes = { envoys: 50, rotations: 2, firstRequestBytes: 55_000, delta };
      const { report } = await fleetOn(t, server.path, changes, { onMilestone });
      t.match(report, {
        ...{ outcome: 'done', isClean: true, streams: 100, unserved: 0, errors: {} },
        rotations: [
          { secret: 'default', number: 1, reached: 50 },
          { secret: 'default', number: 2, reached: 50 },
        ],
        checks: { problems: {} },
      });
    },
  );

  t.test(`go-control-plane with a key of another pair is told as such, ${protocol}`, { skip }, async (t) => {
    const server = await startServer(t, { ...svid(1), key: svid(1).key, bundle: ca.certificatePem });
    const { report } = await fleetOn(t, server.path, { envoys: 2, delta });
    t.equal(report.isClean, false);
    t.notSame(report.checks.problems, {});
  });
}
