import { join } from 'node:path';
import t, { type Test } from 'tap';
import { IdentityError } from '../../src/errors/index.js';
import { officialXds } from '../fleet/official-xds.js';
import { bundleSecret, SECRET_TYPE_URL, svidSecret } from '../fleet/secrets.js';
import { GrpcCore, type GrpcCoreCall, grpcCore } from '../support/grpc-core.js';
import { OfficialSecrets } from '../support/official-secrets.js';
import { SdsEndpoint } from '../support/sds-endpoint.js';
import { serialOf, serialOfPem } from '../support/served-serial.js';
import { shortDir } from '../support/short-dir.js';
import { TestCa } from '../support/test-ca.js';

// The numbers are the rows of the conformance checklist, reference/sds.md section 4. All messages are written and read
// by the official definitions, so nothing of ours is on the client's side.

const SDS = '/envoy.service.secret.v3.SecretDiscoveryService';
const ADS = '/envoy.service.discovery.v3.AggregatedDiscoveryService';
const CLUSTER_TYPE_URL = 'type.googleapis.com/envoy.config.cluster.v3.Cluster';

const { skip } = grpcCore();
const xds = officialXds();
const secrets = new OfficialSecrets();

interface SotwResponse {
  readonly versionInfo: string;
  readonly nonce: string;
  readonly typeUrl: string;
  readonly resources: readonly { readonly value: Buffer }[];
}

interface DeltaResponse {
  readonly nonce: string;
  readonly typeUrl: string;
  readonly resources: readonly {
    readonly name: string;
    readonly version: string;
    readonly resource: { readonly value: Buffer };
  }[];
  readonly removedResources: readonly string[];
}

const sotwRequest = (fields: object): Buffer => xds.request(false).encode({ typeUrl: SECRET_TYPE_URL, ...fields });
const deltaRequest = (fields: object): Buffer => xds.request(true).encode({ typeUrl: SECRET_TYPE_URL, ...fields });
const readSotw = (bytes: Buffer) => xds.response(false).decode(bytes) as unknown as SotwResponse;
const readDelta = (bytes: Buffer) => xds.response(true).decode(bytes) as unknown as DeltaResponse;

/** The serial of each certificate in these secrets, by the name of the secret. */
function serialsIn(bodies: readonly Buffer[]): Record<string, string> {
  const found = bodies.map((body) => secrets.secret(body) as unknown as OfficialSecret);
  return Object.fromEntries(
    found.map(({ name, tlsCertificate, validationContext }) => {
      const source = tlsCertificate?.certificateChain ?? validationContext?.trustedCa;
      return [name, serialOfPem(source?.inlineBytes ?? Buffer.alloc(0))];
    }),
  );
}

interface OfficialSecret {
  readonly name: string;
  readonly tlsCertificate?: { readonly certificateChain: { readonly inlineBytes: Uint8Array } };
  readonly validationContext?: { readonly trustedCa: { readonly inlineBytes: Uint8Array } };
}

/** An agent's socket with a leaf and a bundle, and a channel to it. */
async function startBoth(t: Test, options: { readonly token?: string } = {}) {
  const endpoint = await SdsEndpoint.start(t, join(shortDir(t), 's'));
  const ca = TestCa.root();
  const leaf = svidSecret(ca);
  endpoint.source.setSecrets({ default: leaf, ROOTCA: bundleSecret(ca.certificatePem) });
  const serials = { default: serialOf(leaf), ROOTCA: serialOfPem(ca.certificatePem) };
  return { endpoint, ca, serials, core: new GrpcCore(t, endpoint.socketPath, options) };
}

t.test('grpc-core takes what an agent serves', { skip, timeout: 250_000 }, async (t) => {
  for (const method of [`${SDS}/StreamSecrets`, `${ADS}/StreamAggregatedResources`]) {
    t.test(`rows 1, 2, 22, 24: ${method}`, async (t) => {
      const { endpoint, ca, serials, core } = await startBoth(t);
      const call = core.call(method, { metadata: { 'x-unknown': 'yes ' } });
      call.send(sotwRequest({ node: { id: 'python' }, resourceNames: ['default', 'ROOTCA'] }));
      const first = readSotw(await call.next());
      t.same(serialsIn(first.resources.map(({ value }) => value)), serials);
      t.match(first, { typeUrl: SECRET_TYPE_URL, versionInfo: /./, nonce: /./ });
      const ack = ({ nonce, versionInfo }: SotwResponse): Buffer =>
        sotwRequest({ responseNonce: nonce, versionInfo, resourceNames: ['default', 'ROOTCA'] });
      call.send(ack(first));
      const next = svidSecret(ca);
      endpoint.source.setSecrets({ default: next });
      const second = readSotw(await call.next());
      t.match(serialsIn(second.resources.map(({ value }) => value)), { default: serialOf(next) });
      call.send(ack(second));
      call.halfClose();
      t.match(await call.ended, { code: 'OK' });
      t.equal(call.received.length, 2, 'an ACK is never answered');
    });
  }

  for (const method of [`${SDS}/DeltaSecrets`, `${ADS}/DeltaAggregatedResources`]) {
    t.test(`rows 27, 28, 29, 31: ${method}`, async (t) => {
      const { endpoint, ca, serials, core } = await startBoth(t);
      endpoint.source.impossible.add('never');
      const call = core.call(method);
      const ack = ({ nonce }: DeltaResponse, fields: object = {}): void =>
        call.send(deltaRequest({ responseNonce: nonce, ...fields }));
      call.send(
        deltaRequest({ node: { id: 'python' }, resourceNamesSubscribe: ['default', 'ROOTCA', 'later', 'never'] }),
      );
      const first = await untilDelta(call, ack, ({ names, removed }) => names.size === 2 && removed.size === 1);
      t.same(serialsIn(first.bodies), serials);
      t.same([...first.removed], ['never']);
      const next = svidSecret(ca);
      endpoint.source.setSecrets({ default: next });
      const second = readDelta(await call.next());
      t.same(serialsIn(second.resources.map(({ resource }) => resource.value)), { default: serialOf(next) });
      ack(second, { resourceNamesUnsubscribe: ['default'] });
      ack(second, { resourceNamesSubscribe: ['default'] });
      const third = readDelta(await call.next());
      t.equal(third.resources[0]?.version, second.resources[0]?.version, 'it is sent again though it has not changed');
      ack(third);
      call.halfClose();
      t.match(await call.ended, { code: 'OK' });

      const again = core.call(method);
      const held = { default: third.resources[0]?.version };
      again.send(deltaRequest({ resourceNamesSubscribe: ['default'], initialResourceVersions: held }));
      const { resources } = readDelta(await again.next());
      t.match(
        resources,
        [{ name: 'default', version: held.default }],
        'it is sent though the client says that it has it',
      );
    });
  }

  t.test('row 35: of an aggregated stream only the part that is about secrets is answered', async (t) => {
    const { core } = await startBoth(t);
    const call = core.call(`${ADS}/StreamAggregatedResources`);
    call.send(sotwRequest({ node: { id: 'python' }, typeUrl: CLUSTER_TYPE_URL }));
    call.send(sotwRequest({ resourceNames: ['default'] }));
    const response = readSotw(await call.next());
    t.equal(response.typeUrl, SECRET_TYPE_URL);
    call.send(sotwRequest({ responseNonce: response.nonce, resourceNames: ['default'] }));
    call.send(sotwRequest({ typeUrl: CLUSTER_TYPE_URL }));
    call.halfClose();
    t.match(await call.ended, { code: 'OK' });
    t.equal(call.received.length, 1);
  });

  t.test('row 34: a fetch is the secret or the reason, never empty', async (t) => {
    const { endpoint, core, serials } = await startBoth(t);
    endpoint.source.impossible.add('never');
    const fetch = (...names: string[]) => core.unary(`${SDS}/FetchSecrets`, sotwRequest({ resourceNames: names }));
    const { code, answer } = await fetch('default', 'ROOTCA');
    t.equal(code, 'OK');
    t.same(serialsIn(readSotw(answer ?? Buffer.alloc(0)).resources.map(({ value }) => value)), serials);
    t.match(await fetch('never'), { code: 'NOT_FOUND', answer: undefined });
    t.match(await fetch('later'), { code: 'UNAVAILABLE', answer: undefined });
  });

  t.test('row 21: another type on the stream of secrets ends it', async (t) => {
    const { core } = await startBoth(t);
    const call = core.call(`${SDS}/StreamSecrets`);
    call.send(sotwRequest({ typeUrl: CLUSTER_TYPE_URL, resourceNames: ['default'] }));
    t.match(await call.ended, { code: 'INVALID_ARGUMENT' });
  });

  t.test('row 23: an unknown method, and a message that is compressed, are UNIMPLEMENTED', async (t) => {
    const { core } = await startBoth(t);
    t.match(await core.unary(`${SDS}/NoSuchMethod`, Buffer.alloc(0)), { code: 'UNIMPLEMENTED' });
    const request = sotwRequest({ resourceNames: ['default'], node: { id: 'x'.repeat(5000) } });
    t.match(await core.unary(`${SDS}/FetchSecrets`, request, { gzip: true }), { code: 'UNIMPLEMENTED' });
  });

  t.test('a token comes with each call, and a refusal says why', async (t) => {
    const { endpoint, core } = await startBoth(t, { token: 'a.b.c' });
    const fetch = () => core.unary(`${SDS}/FetchSecrets`, sotwRequest({ resourceNames: ['default'] }));
    t.match(await fetch(), { code: 'OK' });
    t.same(
      endpoint.source.callers.map(({ authorization }) => authorization),
      [['Bearer a.b.c']],
    );
    endpoint.source.admit = () => Promise.reject(new IdentityError('ERR_TOKEN_EXPIRED', 'expired'));
    t.match(await fetch(), { code: 'UNAUTHENTICATED', details: /./ });
    const call = core.call(`${SDS}/StreamSecrets`);
    call.send(sotwRequest({ resourceNames: ['default'] }));
    t.match(await call.ended, { code: 'UNAUTHENTICATED' });
  });

  t.test('an agent that stops ends the stream cleanly, and is found again', async (t) => {
    const { endpoint, core, serials } = await startBoth(t);
    const ask = (): GrpcCoreCall => {
      const call = core.call(`${SDS}/StreamSecrets`);
      call.send(sotwRequest({ node: { id: 'python' }, resourceNames: ['default'] }));
      return call;
    };
    const call = ask();
    await call.next();
    await endpoint.stop();
    t.match(await call.ended, { code: 'OK' });
    await endpoint.start();
    const again = readSotw(await ask().next());
    t.same(serialsIn(again.resources.map(({ value }) => value)), { default: serials.default });
  });
});

/** ACKs delta responses until all that they have told is enough. */
async function untilDelta(
  call: GrpcCoreCall,
  ack: (response: DeltaResponse) => void,
  isEnough: (told: { readonly names: Set<string>; readonly removed: Set<string> }) => boolean,
) {
  const [names, removed] = [new Set<string>(), new Set<string>()];
  const bodies: Buffer[] = [];
  while (!isEnough({ names, removed })) {
    const response = readDelta(await call.next());
    for (const { name, resource } of response.resources) {
      names.add(name);
      bodies.push(resource.value);
    }
    for (const name of response.removedResources) removed.add(name);
    ack(response);
  }
  return { bodies, removed };
}
