import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { FakeCaServer, type Fault } from '../support/fake-ca-server.js';
import type { SdsClient, SdsResponse } from '../support/sds-client.js';
import { shortDir } from '../support/short-dir.js';
import { startSidecarAgent } from '../support/sidecar-agent.js';
import { StatusReader } from '../support/status-reader.js';
import { TestCa } from '../support/test-ca.js';

type Ca = FakeCaServer & { readonly address: string };

/** A workload behind two CAs that have nothing in common, and the leaves of which live for a few seconds. */
async function startBehindTwo(t: Test) {
  const cas = [
    await FakeCaServer.start(t, { root: TestCa.root('first root') }),
    await FakeCaServer.start(t, { root: TestCa.root('second root') }),
  ] as [Ca, Ca];
  const directory = shortDir(t);
  const roots = cas.map(({ rootPem }, index) => {
    const path = join(directory, `root-${index}.pem`);
    writeFileSync(path, rootPem);
    return path;
  });
  const flags = {
    ...{ 'ca-address': cas.map(({ address }) => address), 'ca-root': roots },
    ...{ ttl: '6s', 'status-address': '127.0.0.1:0' },
  };
  return { cas, ...(await startSidecarAgent(t, { ca: cas[0], flags })) };
}

const pemOf = (response: SdsResponse, name: string): string => {
  const secret = response.secrets.find((one) => one.name === name);
  const bytes =
    secret?.validationContext?.trustedCa?.inlineBytes ?? secret?.tlsCertificate?.certificateChain?.inlineBytes;
  return Buffer.from(bytes ?? []).toString();
};

const subjects = (bundle: string): string[] =>
  (bundle.match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/g) ?? [])
    .map((one) => new X509Certificate(one).subject.replace(/^\w+=/, ''))
    .sort();

interface Served {
  readonly roots: string[];
  readonly leaf: string;
}

/** What each response has until the leaf is another one than `leaf`, ACKed as Envoy does. */
async function untilNextLeaf(stream: SdsClient, leaf: string): Promise<Served[]> {
  const seen: Served[] = [];
  while (seen.every((one) => one.leaf === leaf)) {
    const response = await stream.expectResponse();
    stream.ack(response);
    const chain = pemOf(response, 'default');
    seen.push({ roots: subjects(pemOf(response, 'ROOTCA')), leaf: new X509Certificate(chain).serialNumber });
  }
  return seen;
}

const BOTH = ['first root', 'second root'];

t.test(
  'over a failover to a CA of another root, and back, no root of a live leaf goes, nor does the leaf',
  async (t) => {
    const { cas, connect, logger } = await startBehindTwo(t);
    const [first, second] = cas;
    const stream = connect();
    stream.request({ names: ['default', 'ROOTCA'], nodeId: 'test' });
    const [held = { roots: [], leaf: '' }] = await untilNextLeaf(stream, '');
    t.strictSame(held.roots, ['first root']);
    first.fault = { kind: 'reject', code: status.UNAVAILABLE };
    const atFailover = await untilNextLeaf(stream, held.leaf);
    t.strictSame(
      atFailover.map(({ roots, leaf }) => ({ roots, isOld: leaf === held.leaf })),
      [
        { roots: BOTH, isOld: true },
        { roots: BOTH, isOld: false },
      ],
      'both roots come before the leaf of the second',
    );
    t.equal(second.calls.length, 1);
    const reader = new StatusReader(logger);
    t.match(await reader.status(), {
      ca: { address: second.address },
      cas: [
        {
          address: first.address,
          state: 'cooling_down',
          cooling_until: /^20/,
          last_failure: { code: 'ERR_CA_UNAVAILABLE' },
        },
        { address: second.address, state: 'ready', last_certificate: /^20/ },
      ],
    });
    const metrics = (await reader.page('/metrics')).text;
    t.match(metrics, `sidecert_ca_cooling_down{address="${first.address}"} 1`);
    t.match(metrics, `sidecert_ca_cooling_down{address="${second.address}"} 0`);
    t.match(metrics, `sidecert_ca_attempts_total{address="${second.address}",code="OK"} 1`);
    first.fault = { kind: 'none' };
    let leaf = atFailover.at(-1)?.leaf ?? '';
    while (logger.of('ca is well again').length === 0) {
      for (const served of await untilNextLeaf(stream, leaf)) {
        t.strictSame(served.roots, BOTH);
        leaf = served.leaf;
      }
    }
    const last = connect();
    last.request({ names: ['ROOTCA'], nodeId: 'test' });
    t.strictSame(subjects(pemOf(await last.expectResponse(), 'ROOTCA')), BOTH, 'back at the first, the bundle stays');
  },
);

const lies: Fault[] = [
  { kind: 'wrong-key' },
  { kind: 'issues', lifeMs: -1000 },
  { kind: 'issues', leaf: { uris: ['spiffe://cluster.local/ns/foo/sa/another'] } },
  { kind: 'issues', signer: TestCa.root('a stranger') },
  { kind: 'issues', roots: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n' },
];

for (const fault of lies) {
  t.test(
    `a first CA that lies (${JSON.stringify(Object.keys(fault))} ${fault.kind}) is left for the second`,
    async (t) => {
      const cas = [await FakeCaServer.start(t), await FakeCaServer.start(t)] as [Ca, Ca];
      const directory = shortDir(t);
      const roots = cas.map(({ rootPem }, index) => {
        const path = join(directory, `${index}.pem`);
        writeFileSync(path, rootPem);
        return path;
      });
      cas[0].fault = fault;
      const flags = { 'ca-address': cas.map(({ address }) => address), 'ca-root': roots };
      const { ask, logger } = await startSidecarAgent(t, { ca: cas[0], flags });
      const { response } = await ask('default', 'ROOTCA');
      t.equal(pemOf(response, 'ROOTCA'), String(cas[1].rootPem), 'without what the first has named');
      t.match(logger.of('ca is cooling down'), [{ fields: { address: cas[0].address, code: /^ERR_(SVID|BUNDLE)_/ } }]);
      t.strictSame(
        cas.map(({ calls }) => calls.length),
        [1, 1],
      );
    },
  );
}
