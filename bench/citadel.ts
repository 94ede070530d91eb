// How many certificates does a Citadel issue in a second?
//
// A Citadel of what ships in a process of its own, asked over TLS by our CA client from this one, 16 requests in
// flight.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CaAnswer, createCaClient } from '../src/agent/ca-client/index.js';
import { CancelSource } from '../src/cancellation/index.js';
import { createTokenIssuer, TOKEN_ISSUER } from '../src/demo/kubernetes/token-issuer.js';
import { silentLogger } from '../src/telemetry/index.js';
import { percentilesOf } from './harness/percentiles.js';
import { ask, asyncRate, distribution } from './harness.js';
import { WatchedProcess } from './load/watched-process.js';
import { prepared, SPIFFE_ID } from './material.js';

const IN_FLIGHT = 16;
const CERTIFICATES_PER_CALL = 500;

const directory = await mkdtemp(join(tmpdir(), 'sc-'));
const file = (name: string): string => join(directory, name);
const issuer = await createTokenIssuer(Date.now);
await writeFile(file('jwks.json'), issuer.jwks);
const { process: citadel, address } = await WatchedProcess.start(
  [
    ...['citadel', '--listen', '127.0.0.1:0', '--jwks', file('jwks.json'), '--token-issuer', TOKEN_ISSUER],
    ...['--root-cert-out', file('root.pem'), '--hot-path', 'native'],
  ],
  'citadel ready',
);
const client = createCaClient({
  ...{ cas: [{ address, rootPem: await readFile(file('root.pem')) }], clusterId: 'bench', logger: silentLogger },
  ...{ now: Date.now, random: Math.random },
});
const token = await issuer.mint({
  ...{ namespace: 'foo', serviceAccount: 'sleep', podName: 'sleep', podUid: 'sleep' },
  ...{ audience: 'istio-ca', ttlSeconds: 3600 },
});
const { csrPem } = await prepared();

function issueOne(): Promise<CaAnswer> {
  return client.issue({
    csrPem,
    ttlMs: 3_600_000,
    token: { read: async () => Buffer.from(token) },
    signal: new CancelSource(),
  });
}

/** Asks for `count`, 16 at a time; `onAnswer` gets how long each took, in milliseconds. */
async function issueMany(count: number, onAnswer: (ms: number) => void = () => {}): Promise<CaAnswer> {
  let asked = 0;
  const inTurn = async (): Promise<void> => {
    while (asked < count) {
      asked += 1;
      const startedAt = performance.now();
      await issueOne();
      onAnswer(performance.now() - startedAt);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, inTurn));
  return issueOne();
}

function proveLeaf({ chainPem, bundlePem }: CaAnswer): void {
  const leaf = new X509Certificate(chainPem);
  assert.ok(leaf.verify(new X509Certificate(bundlePem).publicKey), 'the leaf is signed by the root');
  assert.equal(leaf.subjectAltName, `URI:${SPIFFE_ID}`);
}

try {
  await ask({
    name: 'citadel',
    question: 'How many certificates does a Citadel issue in a second?',
    note: 'P-256 CSRs, an EC root, a token signed by RS256 that is verified for each; 16 requests in flight from one client on the same machine. CPU is that of the whole Citadel process, its threads included.',
    workers: 1,
    cases: [
      asyncRate({
        ...{ group: 'certificates', name: '16 in flight', itemsPerCall: CERTIFICATES_PER_CALL },
        run: () => issueMany(CERTIFICATES_PER_CALL),
        check: proveLeaf,
      }),
      distribution({
        ...{ group: 'time to an answer', name: '16 in flight', unit: 'ms', repeat: 2000 },
        async measure(repeat) {
          const times: number[] = [];
          proveLeaf(await issueMany(repeat, (ms) => times.push(ms)));
          return percentilesOf(times);
        },
      }),
      distribution({
        ...{ group: 'CPU of Citadel', name: 'for a certificate', unit: 'ms', repeat: 2000 },
        async measure(repeat) {
          citadel.reset();
          proveLeaf(await issueMany(repeat));
          return percentilesOf([(await citadel.figures()).cpuMs / (repeat + 1)]);
        },
      }),
    ],
  });
} finally {
  client.close();
  await citadel.stop();
  await rm(directory, { recursive: true });
}
