import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { freePorts } from '../../src/demo/free-ports.js';
import { citadelAccount } from '../support/citadel-account.js';
import { CitadelCaller } from '../support/citadel-caller.js';
import { startInCluster } from '../support/cluster-citadel.js';
import { openHotPath } from '../support/hot-path.js';
import { KubeApiServer, kubernetesPrograms, SERVICE_ACCOUNT_ISSUER } from '../support/kube-apiserver.js';
import { WITHOUT_COVERAGE } from '../support/mesh.js';
import type { RecordingLogger } from '../support/recording-logger.js';
import { shortDir } from '../support/short-dir.js';
import { startSidecarAgent } from '../support/sidecar-agent.js';
import { SidecertProcess } from '../support/sidecert-process.js';
import { TestCa } from '../support/test-ca.js';

const programs = kubernetesPrograms();
const hotPath = openHotPath();

t.test('a Citadel in a cluster', { skip: programs.skip }, async (t) => {
  const server = await KubeApiServer.start(t, programs);
  const account = await citadelAccount(server);
  await server.kubectl('create', 'namespace', 'foo');
  const token = await server.token('foo', 'sleep', '--audience=istio-ca');
  const { csrPem } = await hotPath.prepare({ spiffeId: 'spiffe://cluster.local/ns/foo/sa/sleep', keyType: 'ec-p256' });
  const csr = csrPem.toString();

  const start = (t: Test, flags: Record<string, string> = {}) =>
    startInCluster(t, server, { kubeconfig: account, ...flags });

  await t.test('accepts the tokens of the cluster, and its root is where pods find it', async (t) => {
    const { citadel, rootPem, pages } = await start(t);
    const roots = Buffer.from(await rootPem('foo'));
    const caller = new CitadelCaller(t, { address: citadel.address, rootPem: roots });
    const answer = await caller.call({ token, csr });
    t.equal(answer.code, status.OK);
    const leaf = new X509Certificate(answer.elements[0] ?? '');
    t.equal(leaf.subjectAltName, 'URI:spiffe://cluster.local/ns/foo/sa/sleep');
    t.ok(leaf.verify(new X509Certificate(roots).publicKey));
    t.equal((await caller.call({ token: await server.token('foo', 'sleep'), csr })).code, status.UNAUTHENTICATED);
    t.match(await pages.status(), {
      token_keys: { source: /^the keys of the API server 127.0.0.1:/, issuers: [SERVICE_ACCOUNT_ISSUER] },
      root_config_maps: { namespaces: 4, pending: 0 },
    });
    const { text } = await pages.page('/metrics');
    t.match(text, /^sidecert_token_keys_age_seconds [0-9.e-]+$/m);
    t.match(text, /^sidecert_namespaces_without_roots 0$/m);
  });

  /** The root that a Citadel serves its own certificate by. */
  const rootOf = ({ logger }: { logger: RecordingLogger }): unknown =>
    [...logger.of('signing authority created'), ...logger.of('signing authority loaded')][0]?.fields;

  await t.test('its root is in a Secret, and a further replica and a restart have the same', async (t) => {
    const secret = JSON.parse(
      await server.kubectl('get', 'secret', '-n', 'istio-system', 'istio-ca-secret', '-o', 'json'),
    );
    t.equal(secret.type, 'istio.io/ca-root');
    const file = (name: string): string => Buffer.from(secret.data[name], 'base64').toString();
    const certificate = new X509Certificate(file('ca-cert.pem'));
    t.ok(certificate.checkPrivateKey(createPrivateKey(file('ca-key.pem'))), 'with its key');
    t.equal(file('root-cert.pem'), file('ca-cert.pem'));
    t.equal(file('cert-chain.pem'), '');
    const second = await start(t);
    t.match(rootOf(second), {
      path: 'Secret istio-system/istio-ca-secret',
      serial: certificate.serialNumber.toLowerCase(),
    });
    t.equal(await second.rootPem('foo'), file('root-cert.pem'));
    t.notMatch(second.logger.text, 'PRIVATE KEY');
  });

  await t.test('of several replicas that start at once, all have the root of one', async (t) => {
    await server.kubectl('delete', 'secret', '-n', 'istio-system', 'istio-ca-secret');
    const all = await Promise.all(Array.from({ length: 5 }, () => start(t)));
    t.equal(all.filter(({ logger }) => logger.of('signing authority created').length === 1).length, 1);
    const serials = all.map((one) => (rootOf(one) as { serial: string }).serial);
    t.equal(new Set(serials).size, 1);
  });

  await t.test('a workload renews while each of three replicas is killed in turn', async (t) => {
    const secret = ['secret', '-n', 'istio-system', 'istio-ca-secret'];
    await server.kubectl('delete', ...secret);
    const addresses = (await freePorts(3)).map((port) => `127.0.0.1:${port}`);
    const startReplica = async (address: string): Promise<{ replica: SidecertProcess; start: string }> => {
      const args = ['citadel', `--listen=${address}`, '--kubernetes=true', `--kubeconfig=${account}`];
      const replica = new SidecertProcess(t, args, { env: WITHOUT_COVERAGE });
      return { replica, start: await replica.log.upTo('roots are in every namespace') };
    };
    const started = await Promise.all(addresses.map(startReplica));
    const replicas = started.map(({ replica }) => replica);
    const makers = started.filter(({ start }) => start.includes('signing authority created'));
    t.equal(makers.length, 1, 'one of them makes the root');
    const material = async (): Promise<unknown> =>
      JSON.parse(await server.kubectl('get', ...secret, '-o', 'json')).data;
    const made = await material();

    const rootPath = 'jsonpath={.data.root-cert\\.pem}';
    const rootPem = await server.kubectl('get', 'cm', '-n', 'foo', 'istio-ca-root-cert', '-o', rootPath);
    const directory = shortDir(t);
    const [root, tokenFile] = [join(directory, 'root.pem'), join(directory, 'token')];
    writeFileSync(root, rootPem);
    writeFileSync(tokenFile, token);
    const { connect } = await startSidecarAgent(t, {
      flags: {
        ...{ 'ca-address': addresses, 'ca-root': root, 'token-file': tokenFile },
        ttl: '20s',
        'renew-at': '0.1',
      },
    });
    const stream = connect();
    stream.request({ names: ['default'], nodeId: 'test' });
    const serials: string[] = [];
    /** After the next two leaves: the call for the first of them may have been answered before. */
    const renewed = async (): Promise<void> => {
      for (let count = 0; count < 2; count++) {
        const response = await stream.expectResponse();
        stream.ack(response);
        const chain = Buffer.from(response.secrets[0]?.tlsCertificate?.certificateChain?.inlineBytes ?? []);
        const leaf = new X509Certificate(chain);
        t.ok(leaf.verify(new X509Certificate(rootPem).publicKey));
        t.ok(Date.parse(leaf.validTo) > Date.now(), 'it comes before it is worth nothing');
        serials.push(leaf.serialNumber);
      }
    };
    await renewed();
    for (const [index, address] of addresses.entries()) {
      replicas[index]?.kill('SIGKILL');
      await replicas[index]?.ended;
      await renewed();
      await startReplica(address);
    }
    t.equal(new Set(serials).size, 8, 'each with a serial of its own');
    t.strictSame(await material(), made, 'under one root, which no replica has replaced');
  });

  await t.test('a plugged-in authority comes first: cacerts, in the files of Istio and of cert-manager', async (t) => {
    const root = TestCa.root();
    const ca = root.intermediate();
    const directory = shortDir(t);
    const file = (name: string, content: Buffer): string => {
      writeFileSync(join(directory, name), content);
      return `--from-file=${join(directory, name)}`;
    };
    const chain = Buffer.concat([ca.certificatePem, root.certificatePem]);
    const layouts = [
      [
        ...[file('ca-cert.pem', ca.certificatePem), file('ca-key.pem', ca.privateKeyPem)],
        ...[file('cert-chain.pem', chain), file('root-cert.pem', root.certificatePem)],
      ],
      [file('tls.crt', chain), file('tls.key', ca.privateKeyPem), file('ca.crt', root.certificatePem)],
    ];
    for (const files of layouts) {
      await server.kubectl('create', 'secret', 'generic', 'cacerts', '-n', 'istio-system', ...files);
      const { logger, citadel } = await start(t);
      t.match(logger.of('signing authority loaded')[0]?.fields, {
        path: 'Secret istio-system/cacerts',
        serial: ca.certificate.serialNumber.toLowerCase(),
      });
      const caller = new CitadelCaller(t, { address: citadel.address, rootPem: root.certificatePem });
      t.equal((await caller.call({ token, csr })).code, status.OK);
      await citadel.close();
      await server.kubectl('delete', 'secret', '-n', 'istio-system', 'cacerts');
    }
  });

  await t.test('a mounted authority comes before a Secret, and an empty folder is none', async (t) => {
    const directory = shortDir(t);
    const empty = await start(t, { 'ca-dir': directory });
    t.match(rootOf(empty), { path: 'Secret istio-system/istio-ca-secret' });
    t.strictSame(readdirSync(directory), []);
    const ca = TestCa.root();
    const files = { 'ca-cert': ca.certificatePem, 'ca-key': ca.privateKeyPem, 'root-cert': ca.certificatePem };
    for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, `${name}.pem`), content);
    writeFileSync(join(directory, 'cert-chain.pem'), '');
    t.match(rootOf(await start(t, { 'ca-dir': directory })), { path: directory });
  });

  await t.test('with --publish-roots off it writes no roots', async (t) => {
    const { citadel, pages } = await start(t, { 'publish-roots': 'off' });
    t.ok(citadel.address);
    t.notMatch(await pages.status(), { root_config_maps: {} });
  });

  await t.test('a Secret that is no authority is refused by its name, and stays as it is', async (t) => {
    await server.kubectl(
      'create',
      'secret',
      'generic',
      'cacerts',
      '-n',
      'istio-system',
      '--from-literal=ca-cert.pem=x',
    );
    await t.rejects(start(t), {
      code: 'ERR_SIGNER_INVALID',
      message: /^Secret istio-system\/cacerts: ca-key.pem, cert-chain.pem, root-cert.pem missing, expected all of/,
    });
    await server.kubectl('delete', 'secret', '-n', 'istio-system', 'cacerts');
  });
});
