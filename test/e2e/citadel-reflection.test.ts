import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { freePorts } from '../../src/demo/free-ports.js';
import { foreignCsr } from '../support/foreign-csr.js';
import { grpcCore } from '../support/grpc-core.js';
import { shortDir } from '../support/short-dir.js';
import { SidecertProcess } from '../support/sidecert-process.js';
import { TokenIssuer } from '../support/test-tokens.js';

const run = promisify(execFile);

// The build has no Python in it: the script lies where this file was written.
const PYTHON_CLIENT = fileURLToPath(new URL('../../../test/support/grpc_citadel_client.py', import.meta.url));

t.test("Python's gRPC calls Citadel by what reflection tells it", { skip: grpcCore().skip }, async (t) => {
  const directory = shortDir(t);
  const [jwks, root] = ['jwks.json', 'root.pem'].map((name) => join(directory, name)) as [string, string];
  const issuer = new TokenIssuer();
  writeFileSync(jwks, JSON.stringify(issuer.jwks));
  const [port] = await freePorts(1);
  const address = `127.0.0.1:${port}`;
  const citadel = new SidecertProcess(t, [
    ...['citadel', '--listen', address, '--jwks', jwks, '--token-issuer', issuer.issuer, '--root-cert-out', root],
  ]);
  await citadel.says('"citadel ready"');
  const env = { ...process.env, PYTHONPATH: grpcCore().path, PYTHONDONTWRITEBYTECODE: '1' };
  const args = [PYTHON_CLIENT, address, root, await issuer.token(), foreignCsr()];
  const { services, methods, health, certificate } = JSON.parse((await run('python3', args, { env })).stdout);
  t.same(services, [
    'grpc.health.v1.Health',
    'grpc.reflection.v1.ServerReflection',
    'grpc.reflection.v1alpha.ServerReflection',
    'istio.v1.auth.IstioCertificateService',
    'sidecert.v1.TrustBundleService',
  ]);
  t.same(methods, [
    ...['Check', 'List', 'Watch'].map((name) => `grpc.health.v1.Health/${name}`),
    ...['v1', 'v1alpha'].map((version) => `grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`),
    'istio.v1.auth.IstioCertificateService/CreateCertificate',
    'sidecert.v1.TrustBundleService/GetTrustBundle',
  ]);
  t.same(health, { statuses: { '': { status: 'SERVING' } } });
  t.equal(certificate.length, 2);
  t.equal(new X509Certificate(certificate[0]).subjectAltName, 'URI:spiffe://cluster.local/ns/foo/sa/sleep');
});
