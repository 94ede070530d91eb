import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { CancelSource } from '../../../src/cancellation/index.js';
import { openGrpcClient, status } from '../../../src/net/grpc/index.js';
import { grpcCore } from '../../support/grpc-core.js';
import { PATIENCE_MS } from '../../support/patience.js';
import { TestCa } from '../../support/test-ca.js';

// The build has no Python in it: the script lies where this file was written.
const SCRIPT = fileURLToPath(new URL('../../../../test/support/grpc_core_server.py', import.meta.url));

const { path, skip } = grpcCore();

/** A server of gRPC's C core, and what it prints after its port. */
async function serve(t: Test) {
  const ca = TestCa.root();
  const { certPem, keyPem } = ca.server();
  const directory = t.testdir();
  const [certFile, keyFile] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
  writeFileSync(certFile, certPem);
  writeFileSync(keyFile, keyPem);
  const env = { ...process.env, PYTHONPATH: path, PYTHONDONTWRITEBYTECODE: '1' };
  const child = spawn('python3', [SCRIPT, certFile, keyFile], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  t.teardown(async () => {
    child.stdin.end();
    await exited;
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const { value: port } = await lines.next();
  const connection = openGrpcClient({ address: `127.0.0.1:${port}`, rootPem: ca.certificatePem });
  t.teardown(() => connection.close());
  return { connection, nextLine: async () => (await lines.next()).value };
}

t.test("a server of gRPC's C core is asked, fails, and is left waiting, on one connection", { skip }, async (t) => {
  const { connection, nextLine } = await serve(t);
  const ask = (method: string, request: Buffer, { ms = PATIENCE_MS, signal = new CancelSource() } = {}) =>
    connection.unary(`/test.Echo/${method}`, request, {
      metadata: { authorization: `Bearer ${'t'.repeat(1100)}`, clusterid: '' },
      ...{ deadlineMs: Date.now() + ms, signal },
    });
  for (const bytes of [0, 1, 16_379, 16_380, 200_000, 4 * 1024 * 1024]) {
    const request = Buffer.alloc(bytes, 'x');
    t.ok(request.equals(await ask('Echo', request)), `${bytes} bytes`);
  }
  const many = Array.from({ length: 300 }, (_, index) => Buffer.from(`call ${index}`));
  t.same(await Promise.all(many.map((request) => ask('Echo', request))), many);
  await t.rejects(ask('Fail', Buffer.from('näh: 100 %')), { code: status.PERMISSION_DENIED, details: 'näh: 100 %' });
  await t.rejects(ask('None', Buffer.alloc(1)), { code: status.UNIMPLEMENTED });
  const signal = new CancelSource();
  const hanging = t.rejects(ask('Hang', Buffer.alloc(1), { signal }), { code: status.CANCELLED });
  t.equal(await nextLine(), 'hangs');
  signal.cancel();
  await hanging;
  t.equal(await nextLine(), 'cancelled');
  // A server that is slow may never have begun it by then.
  await t.rejects(ask('Hang', Buffer.alloc(1), { ms: 100 }), { code: status.DEADLINE_EXCEEDED });
  t.equal(connection.isUsable, true);
});
