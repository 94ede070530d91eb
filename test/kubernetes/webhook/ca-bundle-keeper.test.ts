import t, { type Test } from 'tap';
import { CancelSource } from '../../../src/cancellation/index.js';
import { IdentityError } from '../../../src/errors/index.js';
import type { WatchOptions } from '../../../src/kubernetes/api/api-client.js';
import type { ApiClient, JsonObject } from '../../../src/kubernetes/api/index.js';
import { CaBundleKeeper } from '../../../src/kubernetes/webhook/index.js';
import {
  WEBHOOK_CONFIGURATIONS,
  type WebhookConfiguration,
} from '../../../src/kubernetes/webhook/webhook-configuration.js';
import { TrustBundle } from '../../../src/pki/spiffe/index.js';
import { MetricRegistry, prometheusText } from '../../../src/telemetry/index.js';
import { pemOf } from '../../support/authority-files.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { TestCa } from '../../support/test-ca.js';

const root = TestCa.root('root');
const OWN = { bundle: TrustBundle.parsePem(pemOf([root])), answers: 1 };

type Client = Pick<ApiClient, 'list' | 'watch' | 'patch'>;

/** An API server with one configuration, or none, whose patches a test may have fail. */
class FakeConfigurations implements Client {
  readonly failures: IdentityError[] = [];
  patches = 0;
  private version = 1;
  private watcher: ((event: never) => void) | undefined;
  private webhooks: { name: string; clientConfig: JsonObject }[] | undefined;

  constructor(...names: string[]) {
    const service = { name: 'injector', namespace: 'istio-system' };
    if (names.length > 0) this.webhooks = names.map((name) => ({ name, clientConfig: { service } }));
  }

  async list(): Promise<never> {
    const items = this.webhooks === undefined ? [] : [this.configuration];
    return { items, resourceVersion: String(this.version) } as never;
  }

  watch(_resource: unknown, { signal }: WatchOptions, onEvent: (event: never) => void): Promise<never> {
    this.watcher = onEvent;
    return new Promise((_resolve, reject) => {
      signal?.add({ cancel: () => reject(new IdentityError('ERR_CANCELLED', 'cancelled')) });
    });
  }

  async patch(_kind: unknown, _resource: unknown, _place: unknown, fields: JsonObject): Promise<never> {
    this.patches += 1;
    const failure = this.failures.shift();
    if (failure !== undefined) throw failure;
    this.set(fields as { webhooks: { name: string; clientConfig: JsonObject }[] });
    return this.configuration as never;
  }

  /** What another writes. */
  set(fields: { webhooks: { name: string; clientConfig: JsonObject }[] }): void {
    this.webhooks = fields.webhooks.map(({ name, clientConfig }) => {
      const before = this.webhooks?.find((one) => one.name === name);
      return { name, clientConfig: { ...before?.clientConfig, ...clientConfig } };
    });
    this.version += 1;
    const object = this.configuration;
    this.watcher?.({ type: 'MODIFIED', object, resourceVersion: String(this.version) } as never);
  }

  delete(): void {
    const object = this.configuration;
    this.webhooks = undefined;
    this.watcher?.({ type: 'DELETED', object, resourceVersion: '9' } as never);
  }

  get bundles(): unknown[] {
    return (this.webhooks ?? []).map(({ clientConfig }) =>
      Buffer.from(`${clientConfig.caBundle}`, 'base64').toString(),
    );
  }

  private get configuration(): WebhookConfiguration {
    const metadata = { name: 'n', namespace: '', uid: 'u', labels: {}, annotations: {}, isTerminating: false };
    const fields = { webhooks: this.webhooks };
    return WEBHOOK_CONFIGURATIONS.read({ ...metadata, resourceVersion: String(this.version) }, fields);
  }
}

/** Keeps the test alive, as what waits for the API server keeps no process. */
const clock = {
  now: Date.now,
  after(delayMs: number, fire: () => void) {
    const timer = setTimeout(fire, delayMs);
    return () => clearTimeout(timer);
  },
};

function open(t: Test, client: FakeConfigurations) {
  const logger = new RecordingLogger();
  const metrics = new MetricRegistry();
  const keeper = new CaBundleKeeper({ client, name: 'n', logger, metrics, clock, random: () => 0 });
  t.teardown(() => keeper.close());
  return { keeper, logger, metrics, written: () => keeper.written(new CancelSource()) };
}

t.test('writes the roots into every webhook, once', async (t) => {
  const client = new FakeConfigurations('a', 'b');
  const { keeper, logger, written } = open(t, client);
  t.match(keeper.status, { state: 'unknown', hosts: [] });
  keeper.setRoots(OWN);
  await written();
  t.strictSame(client.bundles, [String(root.certificate), String(root.certificate)]);
  t.strictSame(keeper.status, { state: 'written', failure: undefined, hosts: ['injector.istio-system.svc'] });
  t.equal(client.patches, 1);
  t.equal(logger.of('ca bundle written').length, 1);
});

t.test('writes again what another has changed, and roots that are new', async (t) => {
  const client = new FakeConfigurations('a');
  const { keeper, written } = open(t, client);
  keeper.setRoots(OWN);
  await written();
  client.set({
    webhooks: [
      { name: 'a', clientConfig: { caBundle: '' } },
      { name: 'b', clientConfig: {} },
    ],
  });
  t.equal(keeper.status.state, 'stale');
  await written();
  t.strictSame(client.bundles, [String(root.certificate), String(root.certificate)]);
  const next = TestCa.root('next');
  keeper.setRoots({ bundle: TrustBundle.parsePem(pemOf([root, next])), answers: 1 });
  t.equal(keeper.status.state, 'stale');
  await written();
  t.ok(client.bundles.every((bundle) => bundle === pemOf([root, next]).toString()));
});

t.test('what fails is tried again, said once, and counted', async (t) => {
  const client = new FakeConfigurations('a');
  const refusal = new IdentityError('ERR_KUBERNETES_REFUSED', 'patch: got 403, expected a role');
  client.failures.push(refusal, refusal, refusal);
  const { keeper, logger, metrics, written } = open(t, client);
  keeper.setRoots(OWN);
  await logger.until('ca bundle cannot be written, tried again');
  t.match(keeper.status, { state: 'stale', failure: { code: 'ERR_KUBERNETES_REFUSED', message: /403/ } });
  await written();
  t.match(keeper.status, { state: 'written', failure: undefined });
  t.equal(client.patches, 4);
  t.equal(logger.of('ca bundle cannot be written, tried again').length, 1);
  const text = prometheusText(metrics.series());
  t.match(text, /sidecert_ca_bundle_writes_total\{code="ERR_KUBERNETES_REFUSED"\} 3\n/);
  t.match(text, /sidecert_ca_bundle_writes_total\{code="OK"\} 1\n/);
});

t.test('without a configuration there is nothing to wait for, and a line says so', async (t) => {
  const client = new FakeConfigurations();
  const { keeper, logger, written } = open(t, client);
  keeper.setRoots(OWN);
  await logger.until('webhook configuration is not there, no pod is injected');
  await written();
  t.match(keeper.status, { state: 'absent', hosts: [] });
  client.set({ webhooks: [{ name: 'a', clientConfig: { url: 'https://injector.example:8443/inject' } }] });
  await written();
  t.match(keeper.status, { state: 'written', hosts: ['injector.example'] });
  client.delete();
  t.match(keeper.status, { state: 'absent' });
  t.equal(logger.of('webhook configuration is not there, no pod is injected').length, 2);
});

t.test('who waits is told when it ends, and when it need not wait any more', async (t) => {
  const { keeper } = open(t, new FakeConfigurations('a'));
  const signal = new CancelSource();
  const [one, other] = [keeper.written(signal), keeper.written(new CancelSource())];
  signal.cancel();
  await one;
  await keeper.close();
  await other;
});
