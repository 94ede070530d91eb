import { X509Certificate } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { ClientCertificateFiles, createCaClient } from '../../../src/agent/ca-client/index.js';
import { CancelSource } from '../../../src/cancellation/index.js';
import { IdentityError } from '../../../src/errors/index.js';
import { ecKeys, rejectionCode, signedCsr } from '../../hotpath/pki.js';
import { FakeCaServer } from '../../support/fake-ca-server.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { shortDir } from '../../support/short-dir.js';
import { TestCa } from '../../support/test-ca.js';

const csrPem = signedCsr(ecKeys());
const clientCa = TestCa.root('clients');

interface Pair {
  readonly certPem: Buffer;
  readonly keyPem: Buffer;
}

const pair = (life: { notAfterMs?: number } = {}): Pair =>
  clientCa.server({ uris: ['spiffe://cluster.local/ns/vm/sa/db'], dnsNames: [], ipAddresses: [], ...life });
const serialOf = ({ certPem }: Pair): string => new X509Certificate(certPem).serialNumber;

/** A CA that asks for client certificates, and a client with a directory for one. */
async function setUp(t: Test, { isRequired }: { isRequired: boolean }) {
  const ca = await FakeCaServer.start(t, { clients: { ca: clientCa, isRequired } });
  const directory = shortDir(t);
  const logger = new RecordingLogger();
  const clock = { aheadMs: 0 };
  const now = () => Date.now() + clock.aheadMs;
  const files = new ClientCertificateFiles({ directory, logger, now });
  const { address, rootPem } = ca;
  const client = createCaClient({
    cas: [{ address, rootPem, clientCertificate: files }],
    ...{ clusterId: '', logger, now, random: () => 0 },
  });
  t.teardown(() => client.close());
  return {
    ...{ ca, clock, files, logger },
    write({ certPem, keyPem }: Partial<Pair>) {
      if (certPem !== undefined) writeFileSync(join(directory, 'cert-chain.pem'), certPem);
      if (keyPem !== undefined) writeFileSync(join(directory, 'key.pem'), keyPem);
      // Beyond the interval of looks.
      clock.aheadMs += 1000;
    },
    remove: () => rmSync(directory, { recursive: true }),
    issue(read: () => Promise<Buffer> = async () => Buffer.from('token')) {
      return client.issue({ csrPem, ttlMs: 60_000, token: { read }, signal: new CancelSource() });
    },
  };
}

const without = async (): Promise<Buffer> => {
  throw new IdentityError('ERR_TOKEN_MISSING', 'token file: got ENOENT');
};

t.test('a CA that wants a client certificate is shown that of the files, beside the token', async (t) => {
  const { ca, write, issue } = await setUp(t, { isRequired: true });
  const ours = pair();
  write(ours);
  await issue();
  await issue();
  t.match(ca.calls, [
    { clientSerial: serialOf(ours), authorization: 'Bearer token' },
    { clientSerial: serialOf(ours) },
  ]);
  t.equal(ca.calls[0]?.peer, ca.calls[1]?.peer, 'on one connection');
});

t.test(
  'without one the CA is not reached, and the error says what it wants; one that comes later is used',
  async (t) => {
    const { write, issue, ca } = await setUp(t, { isRequired: true });
    const error = await issue().catch((reason: unknown) => reason);
    t.match(error, { code: 'ERR_CA_UNAVAILABLE', message: /wants a client certificate/ });
    write(pair());
    await issue();
    t.equal(ca.calls.length, 1);
  },
);

t.test('files that change are read again, and the next call has a connection with the new one', async (t) => {
  const { ca, write, issue } = await setUp(t, { isRequired: true });
  const [first, second] = [pair(), pair()];
  write(first);
  await issue();
  write(second);
  await issue();
  t.strictSame(
    ca.calls.map(({ clientSerial }) => clientSerial),
    [first, second].map(serialOf),
  );
});

t.test('half a change never replaces a pair, nor does garbage, nor does the end of the files', async (t) => {
  const { ca, write, remove, issue, logger } = await setUp(t, { isRequired: true });
  const [first, second] = [pair(), pair()];
  write(first);
  await issue();
  for (const half of [{ keyPem: second.keyPem }, { keyPem: Buffer.from('garbage') }, { certPem: Buffer.alloc(0) }]) {
    write(half);
    await issue();
  }
  write(second);
  await issue();
  remove();
  write({});
  await issue();
  const [one, other] = [serialOf(first), serialOf(second)];
  t.strictSame(
    ca.calls.map(({ clientSerial }) => clientSerial),
    [one, one, one, one, other, other],
  );
  t.equal(logger.of('client certificate cannot be used').length, 4);
  t.notMatch(logger.text, /BEGIN/);
});

t.test('an expired one is not shown: the token has to do, and the log says so once', async (t) => {
  const { ca, clock, write, issue, logger } = await setUp(t, { isRequired: false });
  write(pair({ notAfterMs: Date.now() + 60_000 }));
  await issue();
  clock.aheadMs += 120_000;
  await issue();
  await issue();
  t.strictSame(
    ca.calls.map(({ clientSerial }) => clientSerial === undefined),
    [false, true, true],
  );
  t.match(logger.of('client certificate cannot be used'), [{ level: 'warn', fields: { error: /an expired one/ } }]);
});

t.test('with a valid one the token may be missing, without it not', async (t) => {
  const { ca, write, issue } = await setUp(t, { isRequired: false });
  t.equal(await rejectionCode(issue(without)), 'ERR_TOKEN_MISSING');
  write(pair());
  await issue(without);
  t.match(ca.calls, [{ authorization: '' }]);
  const malformed = async () => {
    throw new IdentityError('ERR_TOKEN_MALFORMED', 'token file: got no JWT');
  };
  t.equal(await rejectionCode(issue(malformed)), 'ERR_TOKEN_MALFORMED');
  ca.faults.push({ kind: 'reject', code: status.UNAUTHENTICATED });
  t.equal(await rejectionCode(issue(without)), 'ERR_CA_REFUSED_TOKEN');
});

t.test('it does not print its key', async (t) => {
  const { files, write } = await setUp(t, { isRequired: false });
  write(pair());
  const held = await files.current();
  t.match(held?.privateKeyPem.toString(), /PRIVATE KEY/);
  t.notMatch(inspect(held, { showHidden: true }) + JSON.stringify(held), /PRIVATE|BEGIN/);
});
