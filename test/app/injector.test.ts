import { writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { startInjector } from '../../src/app/index.js';
import { COMMANDS } from '../../src/config/index.js';
import { startCitadel } from '../support/citadel.js';
import { openHotPath } from '../support/hot-path.js';
import { until } from '../support/injector-scene.js';
import { metricProblems } from '../support/metric-lint.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { settings } from '../support/settings.js';
import { shortDir } from '../support/short-dir.js';
import { StatusReader } from '../support/status-reader.js';

const NAME = 'injector.istio-system.svc';
const PATH = '/ns/istio-system/sa/injector';
const ID = `spiffe://cluster.local${PATH}`;

const hotPath = openHotPath();

/** An injector behind a Citadel, whose roots in a webhook configuration are the task of others. */
async function open(t: Test, { hasToken = true } = {}) {
  const citadel = await startCitadel(t, hotPath, { flags: { dnsNames: new Map([[PATH, [NAME]]]) } });
  const directory = shortDir(t);
  const [root, tokenFile] = [join(directory, 'root.pem'), join(directory, 'token')] as const;
  writeFileSync(root, citadel.rootPem);
  const writeToken = async (): Promise<void> =>
    writeFileSync(tokenFile, await citadel.issuer.token('istio-system', 'injector'));
  if (hasToken) await writeToken();
  const config = settings(COMMANDS.injector, {
    ...{ listen: '127.0.0.1:0', 'status-address': '127.0.0.1:0', 'ca-address': citadel.address, 'ca-root': root },
    ...{ 'token-file': tokenFile, namespace: 'istio-system', 'service-account': 'injector' },
  });
  const logger = new RecordingLogger();
  const app = await startInjector(config, { logger, now: Date.now, random: Math.random, nodeFlags: [] });
  t.teardown(() => app.close());
  return { app, citadel, logger, pages: new StatusReader(logger), writeToken };
}

/** What an API server gets that verifies the injector by these roots and its name. */
function post(address: string, ca: Buffer, body: string): Promise<{ status: number | undefined; text: string }> {
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  const port = Number(address.split(':')[1]);
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: '127.0.0.1', port, servername: NAME, ca, agent: false, method: 'POST', path: '/inject', headers },
      (response) => {
        let text = '';
        response.on('data', (chunk) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode, text }));
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

const REVIEW = JSON.stringify({
  ...{ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' },
  request: {
    ...{ uid: 'u', operation: 'CREATE', namespace: 'foo', resource: { group: '', version: 'v1', resource: 'pods' } },
    object: { metadata: { name: 'pod' }, spec: { containers: [{ name: 'app' }] } },
  },
});

t.test('an injector serves with the certificate that Citadel gives it for its name', async (t) => {
  const { app, citadel, pages } = await open(t);
  await until(async () => (await pages.page('/healthz/ready')).code === 200);
  const { status, text } = await post(app.address, citadel.rootPem, REVIEW);
  t.equal(status, 200);
  t.match(JSON.parse(text).response, { uid: 'u', allowed: true, patchType: 'JSONPatch' });
  t.match(await post(app.address, citadel.rootPem, '{}'), { status: 400 });

  await t.test('and tells of it, and of what it was asked', async (t) => {
    const shown = await pages.status();
    t.match(shown, {
      identity: { spiffe_id: ID, svid: 'valid', failed_renewals: 0 },
      reviews: { injected: 1, skipped: 0, denied: 0, invalid: 1, failed: 0 },
    });
    t.notOk('ca_bundle' in shown);
    const metrics = (await pages.page('/metrics')).text;
    t.strictSame(metricProblems(metrics), []);
    t.match(metrics, /^sidecert_injection_seconds_count\{result="injected"\} 1$/m);
    const [, seconds] = /^sidecert_svid_expiry_seconds (\d+)/m.exec(metrics) ?? [];
    t.ok(Math.abs(Number(seconds) - 24 * 3600) < 600);
  });

  await t.test('no key is in its log', async (t) => {
    t.notMatch(JSON.stringify(await pages.status()), /PRIVATE/);
  });
});

t.test('without a token it listens, says why it is not ready, and serves as soon as there is one', async (t) => {
  const { app, citadel, logger, pages, writeToken } = await open(t, { hasToken: false });
  await logger.until('no valid svid');
  t.match(await pages.page('/healthz/ready'), { code: 503, text: 'not ready: there is no valid certificate\n' });
  t.match((await pages.page('/metrics')).text, /^sidecert_svid_expiry_seconds NaN$/m);
  await t.rejects(post(app.address, citadel.rootPem, REVIEW));
  await writeToken();
  await until(async () => (await pages.page('/healthz/ready')).code === 200);
  t.match(await post(app.address, citadel.rootPem, REVIEW), { status: 200 });
});
