import { once } from 'node:events';
import { connect, createSecureContext, createServer, type SecureContext } from 'node:tls';
import { Worker } from 'node:worker_threads';
import t, { type Test } from 'tap';
import { loadAddon } from '../../../src/system/addon/index.js';
import { contextTrusting } from '../../../src/system/platform/index.js';
import { TestCa } from '../../support/test-ca.js';

const load = loadAddon();
const skip = load.kind === 'absent' && load.reason;
const ca = TestCa.root();
const middle = ca.intermediate('one');
/** Which of these depends on what else the peer has sent. */
const UNVERIFIED = /^(UNABLE_TO_|SELF_SIGNED_|CERT_SIGNATURE_)/;
const make = (): SecureContext => createSecureContext({ ca: [] });

/** Whether a client with this context takes a server of `issuer`; else why not, by OpenSSL's name. */
async function verdict(t: Test, secureContext: SecureContext | undefined, issuer = ca): Promise<string> {
  const { certPem: cert, keyPem: key } = issuer.server();
  const server = createServer({ cert, key }, (socket) => socket.on('error', () => {}).end());
  server.on('tlsClientError', () => {});
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.teardown(() => server.close());
  const { port } = Object(server.address());
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, secureContext, rejectUnauthorized: true }, () => {
      resolve('taken');
      socket.destroy();
    }).on('error', (error) => resolve(Object(error).code));
  });
}

t.test(
  'a context trusts the roots that it was given, an intermediate among them, and no others',
  { skip },
  async (t) => {
    const both = Buffer.concat([TestCa.root('another').certificatePem, ca.certificatePem]);
    t.equal(await verdict(t, contextTrusting(both, make)), 'taken');
    t.equal(await verdict(t, contextTrusting(middle.certificatePem, make), middle), 'taken');
    const others = contextTrusting(ca.intermediate('two').certificatePem, make);
    t.match(await verdict(t, others, middle), UNVERIFIED);
  },
);

t.test('a context trusts nobody through the roots of another one', { skip }, async (t) => {
  const first = contextTrusting(ca.certificatePem, make);
  t.match(await verdict(t, make()), UNVERIFIED);
  t.match(await verdict(t, contextTrusting(TestCa.root('other').certificatePem, make)), UNVERIFIED);
  t.equal(await verdict(t, first), 'taken');
});

t.test('roots that cannot be read, and what makes no context, give none', { skip }, async (t) => {
  const pem = ca.certificatePem;
  const broken = Buffer.concat([pem, Buffer.from('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')]);
  for (const roots of [Buffer.alloc(0), Buffer.from('no PEM'), pem.subarray(0, -30), broken]) {
    t.equal(contextTrusting(roots, make), undefined, `${roots.length} bytes`);
  }
  t.equal(
    contextTrusting(pem, () => Object({})),
    undefined,
    'no context of OpenSSL was made',
  );
  const failing = () => {
    throw new Error('no context');
  };
  t.equal(contextTrusting(pem, failing), undefined);
  const { addon } = load as Extract<typeof load, { kind: 'loaded' }>;
  t.throws(() => addon.contextTrusting(pem, failing), /^no context$/, 'and what makes it is told why');
  for (const wrong of [[], [pem], [pem, 1], ['pem', make]]) {
    t.throws(() => Reflect.apply(addon.contextTrusting, addon, wrong), { code: 'ERR_INTERNAL' });
  }
});

t.test('contexts are made on after a thread that made some has ended', { skip }, async (t) => {
  const url = new URL('../../../src/system/platform/index.js', import.meta.url).href;
  const source = `import(${JSON.stringify(url)}).then(({ contextTrusting }) => {
    const make = () => require('node:tls').createSecureContext({ ca: [] });
    for (let run = 0; run < 100; run += 1) contextTrusting(require('node:worker_threads').workerData, make);
  });`;
  const workers = [1, 2, 3].map(() => new Worker(source, { eval: true, workerData: ca.certificatePem }));
  const exits = workers.map((worker) => once(worker, 'exit'));
  for (let run = 0; run < 100; run += 1) t.ok(contextTrusting(ca.certificatePem, make));
  t.same(await Promise.all(exits), [[0], [0], [0]]);
  t.equal(await verdict(t, contextTrusting(ca.certificatePem, make)), 'taken');
});
