import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import t, { type Test } from 'tap';
import { RevocationFile } from '../../src/agent/secrets/revocations.js';
import { type ListShape, listOf } from '../support/judged-files.js';
import { lookedFiles } from '../support/looked-files.js';
import { realEnvoys } from '../support/real-envoy.js';
import { RunningEnvoy } from '../support/running-envoy.js';
import { shortDir } from '../support/short-dir.js';
import { TestCa } from '../support/test-ca.js';

const [ca, other] = [TestCa.root('listed'), TestCa.root('other')];
const namesake = TestCa.root('listed');
const server = ca.server();

interface Row {
  readonly name: string;
  readonly lists: (make: (shape?: ListShape, of?: TestCa) => string) => string | Buffer;
  /** Whether the file takes the place of a good one, and whether Envoy then lets a peer of the CA in. */
  readonly ours: 'served' | 'refused';
  readonly peer: 'in' | 'out';
}

const derOf = (pem: string) => Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
const point = 'issuingDistributionPoint=critical,@point\n[point]\nfullname=URI:http://a/b';

const rows: readonly Row[] = [
  { name: 'a current list', lists: (make) => make(), ours: 'served', peer: 'in' },
  {
    name: 'an expired list beside a current one',
    lists: (make) => make({ from: -48, to: -24 }) + make(),
    ours: 'served',
    peer: 'in',
  },
  { name: 'a current list in DER', lists: (make) => derOf(make()), ours: 'served', peer: 'in' },
  { name: 'an expired list', lists: (make) => make({ from: -48, to: -24 }), ours: 'refused', peer: 'out' },
  { name: 'a list of tomorrow', lists: (make) => make({ from: 24, to: 48 }), ours: 'refused', peer: 'out' },
  { name: 'a partitioned list', lists: (make) => make({ extensions: point }), ours: 'refused', peer: 'out' },
  {
    name: 'a delta list',
    lists: (make) => make({ extensions: '2.5.29.27=critical,DER:020101' }),
    ours: 'refused',
    peer: 'out',
  },
  // The file alone does not tell for which CAs it is: these are told of, and served.
  { name: 'a list of another CA', lists: (make) => make({}, other), ours: 'served', peer: 'out' },
  { name: 'a list of that name by another key', lists: (make) => make({}, namesake), ours: 'served', peer: 'out' },
];

/** What is served of a file that takes the place of a good one; the file as it is when it is refused. */
async function offered(t: Test, row: Row): Promise<{ crl: Buffer; isServed: boolean; warnings: number }> {
  const directory = shortDir(t);
  const path = join(directory, 'crl');
  const make = (shape: ListShape = {}, of = ca) => listOf(join(directory, 'ca'), of, shape);
  writeFileSync(path, make());
  const { surroundings, look, logger } = lookedFiles();
  const file = new RevocationFile(path, surroundings);
  await file.open();
  const [good, next] = [file.value, Buffer.from(row.lists(make))];
  writeFileSync(path, next);
  await look();
  file.judge(ca.certificatePem);
  const isServed = logger.of('secret files refused, the last good content stays').length === 0;
  const crl = isServed ? file.value : next;
  file.close();
  t.ok(isServed || file.value === undefined || file.value === good);
  return {
    crl: crl ?? Buffer.alloc(0),
    isServed,
    warnings: logger.lines.filter(({ level }) => level === 'warn').length,
  };
}

/** Whether the Envoy at a socket lets a client of the CA in. */
function letsIn(path: string): Promise<'in' | 'out'> {
  const { certPem, keyPem } = ca.server();
  return new Promise((resolve) => {
    const socket = connect({ path, cert: certPem, key: keyPem, rejectUnauthorized: false }, () => socket.write('x'));
    socket.once('data', () => {
      resolve('in');
      socket.destroy();
    });
    socket.once('error', () => resolve('out'));
    socket.once('close', () => resolve('out'));
  });
}

const typed = (name: string, config: object) => ({
  '@type': `type.googleapis.com/envoy.extensions.${name}`,
  ...config,
});
const inline = (bytes: Buffer) => ({ inline_bytes: bytes.toString('base64') });

function listener(path: string, crl: Buffer) {
  const context = typed('transport_sockets.tls.v3.DownstreamTlsContext', {
    require_client_certificate: true,
    common_tls_context: {
      tls_certificates: [{ certificate_chain: inline(server.certPem), private_key: inline(server.keyPem) }],
      validation_context: { trusted_ca: inline(ca.certificatePem), crl: inline(crl) },
    },
  });
  return {
    name: path,
    address: { pipe: { path } },
    filter_chains: [
      {
        filters: [{ name: 'echo', typed_config: typed('filters.network.echo.v3.Echo', {}) }],
        transport_socket: { name: 'tls', typed_config: context },
      },
    ],
  };
}

for (const { name, path, skip } of realEnvoys()) {
  t.test(
    `revocation lists: one that takes the place of a good one lets peers in at ${name}, or is told of`,
    { skip },
    async (t) => {
      const directory = shortDir(t);
      const socket = (index: number) => join(directory, `l${index}`);
      const made = await Promise.all(rows.map((row) => offered(t, row)));
      const listeners = made.map(({ crl }, index) => listener(socket(index), crl));
      const admin = join(directory, 'admin');
      const bootstrap = { admin: { address: { pipe: { path: admin } } }, static_resources: { listeners } };
      const envoy = await RunningEnvoy.start(t, {
        path,
        files: { admin, inbound: '', outbound: '', app: '' },
        bootstrap,
      });
      await envoy.ready();
      for (const [index, row] of rows.entries()) {
        const { isServed, warnings } = made[index] ?? { isServed: false, warnings: 0 };
        t.equal(isServed ? 'served' : 'refused', row.ours, row.name);
        const peer = await letsIn(socket(index));
        t.equal(peer, row.peer, `a peer, with ${row.name}`);
        t.equal(warnings > 0, peer === 'out', `${row.name} is told of when peers are refused for it`);
      }
    },
  );
}
