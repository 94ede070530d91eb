import { createPrivateKey, X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { startAgent } from '../../src/app/index.js';
import { COMMANDS } from '../../src/config/index.js';
import { FakeCaServer, type Fault } from '../support/fake-ca-server.js';
import { seededRandom } from '../support/prng.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { openSdsClient, type SdsClient } from '../support/sds-client.js';
import { settings } from '../support/settings.js';
import { shortDir } from '../support/short-dir.js';
import { TestCa } from '../support/test-ca.js';
import { TokenIssuer } from '../support/test-tokens.js';

// The agent of a node, and agents of one workload each, through all that a CA, a token and a clock can do to them. Each
// fault is over before a certificate that is due has expired: whatever comes, no workload may be without a valid one.

const SECONDS = Number(process.env.CHAOS_SECONDS ?? 60);
const PODS = Number(process.env.CHAOS_PODS ?? 60);
const SIDECARS = 6;
const SEED = Number(process.env.CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 32));

/** Of a certificate; it is due at half of it. */
const TTL_SECONDS = 30;

/**
 * A fault, and the calm behind it: the half of a life that an agent has for its tries holds a whole calm, and that is
 * longer than it waits between two tries.
 */
const MAX_FAULT_MS = 4000;
const MIN_CALM_MS = 3500;
const MAX_CALM_MS = 5000;

/** Between two tokens that a kubelet writes. */
const TOKEN_MS = 3000;

/** How far the clock of an agent is moved: less than a certificate has left when it is due. */
const MAX_CLOCK_MS = 3000;

/** So many connections have all streams of pods. */
const CONNECTIONS = 6;

/** Between the end of a stream and the next one. */
const RECONNECT_MS = 500;

/** Between two looks at what the workloads have. */
const PERIOD_MS = 250;

/**
 * A look that comes so much later tells that this process, with its agents and its CA, did not run: lives went by in
 * which there were no renewals. Within half a life behind it all must be as it should.
 */
const STALL_MS = 2000;

t.setTimeout((SECONDS + 120) * 1000);

const random = seededRandom(SEED);
const below = (limit: number): number => Math.floor(random() * limit);

const issuer = new TokenIssuer();
const foreign = TestCa.root('another root');
const past = { notBeforeMs: Date.now() - 7_200_000, notAfterMs: Date.now() - 3_600_000 };
const future = { notBeforeMs: Date.now() + 3_600_000, notAfterMs: Date.now() + 7_200_000 };
const rejected = (code: status): Fault => ({ kind: 'reject', code });

/** What the CA answers wrongly, or late, or not at all. */
const FAULTS: Readonly<Record<string, Fault>> = {
  hangs: { kind: 'hang' },
  'is slow': { kind: 'slow', delayMs: 1500 },
  'is unavailable': rejected(status.UNAVAILABLE),
  'has an internal error': rejected(status.INTERNAL),
  'is overloaded': rejected(status.RESOURCE_EXHAUSTED),
  'ends by its deadline': rejected(status.DEADLINE_EXCEEDED),
  'knows no such method': rejected(status.UNIMPLEMENTED),
  'refuses the token': rejected(status.UNAUTHENTICATED),
  'permits nothing': rejected(status.PERMISSION_DENIED),
  'answers nothing': { kind: 'elements', elements: [] },
  'answers text': { kind: 'elements', elements: ['no certificate', 'nor this'] },
  'answers roots alone': { kind: 'elements', elements: [String(foreign.certificatePem)] },
  'answers no message': { kind: 'garbage-bytes' },
  'certifies another key': { kind: 'wrong-key' },
  'certifies another workload': { kind: 'issues', leaf: { uris: ['spiffe://cluster.local/ns/foo/sa/someone'] } },
  'certifies another trust domain': { kind: 'issues', leaf: { uris: ['spiffe://elsewhere/ns/foo/sa/sleep'] } },
  'certifies nobody': { kind: 'issues', leaf: { uris: [] } },
  'certifies two': {
    kind: 'issues',
    leaf: { uris: ['spiffe://cluster.local/ns/foo/sa/a', 'spiffe://cluster.local/ns/foo/sa/b'] },
  },
  'issues for the past': { kind: 'issues', leaf: past },
  'issues for the future': { kind: 'issues', leaf: future },
  'issues for a second': { kind: 'issues', lifeMs: 1000 },
  'signs by a CA that is not of its roots': { kind: 'issues', signer: foreign },
  'answers roots that have not signed': { kind: 'issues', roots: String(foreign.certificatePem) },
  'answers roots that are none': { kind: 'issues', roots: 'nothing' },
};

/** What one workload holds, as its Envoy sees it. */
class Workload {
  #validUntil = 0;
  responses = 0;

  constructor(
    readonly spiffeId: string,
    private readonly roots: readonly X509Certificate[],
  ) {}

  /** Has it a certificate that is good now? Before the first one has come, it has none to lose. */
  get isServed(): boolean {
    return this.responses === 0 || Date.now() < this.#validUntil;
  }

  /** Takes all that comes, until the stream ends, and says what is wrong with it. */
  async follow(stream: SdsClient, onWrong: (text: string) => void): Promise<void> {
    stream.request({ names: ['default'] });
    for (;;) {
      const response = await Promise.race([stream.expectResponse(), stream.ended]);
      if (!('secrets' in response)) return;
      stream.ack(response);
      const { certificateChain, privateKey } = response.secrets[0]?.tlsCertificate ?? {};
      const chain = Buffer.from(certificateChain?.inlineBytes ?? []).toString();
      const [leaf, ...above] =
        chain.match(/-----BEGIN[\s\S]+?-----END CERTIFICATE-----/g)?.map((pem) => new X509Certificate(pem)) ?? [];
      if (leaf === undefined) return onWrong(`${this.spiffeId}: no certificate`);
      const issuers = [...above, ...this.roots];
      const problems = [
        leaf.subjectAltName === `URI:${this.spiffeId}` ? '' : `is for ${leaf.subjectAltName}`,
        leaf.checkPrivateKey(createPrivateKey(Buffer.from(privateKey?.inlineBytes ?? []))) ? '' : 'has another key',
        issuers.some((one) => leaf.verify(one.publicKey)) ? '' : 'is signed by none of the issuers',
        above.every((one) => this.roots.some((root) => one.verify(root.publicKey))) ? '' : 'ends at another root',
        new Date(leaf.validTo).getTime() > Date.now() ? '' : `has expired at ${leaf.validTo}`,
        new Date(leaf.validFrom).getTime() <= Date.now() ? '' : `begins at ${leaf.validFrom}`,
      ].filter((text) => text !== '');
      for (const problem of problems) onWrong(`${this.spiffeId}: the certificate ${problem}`);
      this.#validUntil = new Date(leaf.validTo).getTime();
      this.responses += 1;
    }
  }
}

/** A CA that can be killed and comes back at the same address, with the same root. */
class MortalCa {
  #server: (FakeCaServer & { address: string }) | undefined;
  /** All that it has been, one for each life. */
  readonly #lives: FakeCaServer[] = [];
  readonly callsOf = new Map<string, number>();
  readonly root = TestCa.root();
  readonly #certificate = this.root.server();
  #port = 0;

  constructor(private readonly t: Test) {}

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Of all that were asked. */
  get calls(): number {
    return this.#lives.reduce((sum, { calls }) => sum + calls.length, 0);
  }

  set fault(fault: Fault) {
    if (this.#server !== undefined) this.#server.fault = fault;
  }

  async start(): Promise<void> {
    const options = { root: this.root, serverCertificate: this.#certificate, port: this.#port };
    this.#server = await FakeCaServer.start(this.t, options);
    this.#lives.push(this.#server);
    this.#port = Number(this.#server.address.split(':')[1]);
    this.#server.identityOf = (authorization) => this.#identityOf(authorization);
    this.#server.checksCsrs = false;
  }

  kill(): void {
    this.#server?.stop();
    this.#server = undefined;
  }

  #identityOf(authorization: string): string {
    const { sub } = JSON.parse(Buffer.from(authorization.split('.')[1] ?? '', 'base64url').toString());
    const [, , namespace, account] = sub.split(':');
    const spiffeId = `spiffe://cluster.local/ns/${namespace}/sa/${account}`;
    this.callsOf.set(spiffeId, (this.callsOf.get(spiffeId) ?? 0) + 1);
    return spiffeId;
  }
}

t.test(`whatever fails, every workload has a valid certificate (seed ${SEED})`, async (t) => {
  const ca = new MortalCa(t);
  await ca.start();
  const rootFile = join(shortDir(t), 'root.pem');
  writeFileSync(rootFile, ca.root.certificatePem);
  const roots = [new X509Certificate(ca.root.certificatePem)];
  const wrong: string[] = [];
  let excusedUntilMs = 0;
  const onWrong = (text: string): void => {
    if (Date.now() > excusedUntilMs) wrong.push(`${new Date().toISOString()} ${text}`);
  };
  const workloads: Workload[] = [];
  let clockMs = 0;
  const now = (): number => Date.now() + clockMs;
  const common = { 'ca-address': ca.address, 'ca-root': rootFile, ttl: `${TTL_SECONDS}s` };
  const open = async (flags: Record<string, string>): Promise<string> => {
    const socket = join(shortDir(t), 's');
    const config = settings(COMMANDS.agent, { ...common, socket, ...flags });
    const agent = await startAgent(config, { logger: new RecordingLogger(), now, random, nodeFlags: [] });
    t.teardown(() => agent.close());
    return socket;
  };
  let isOver = false;
  // As Envoy does: what it holds stays, and a stream that has ended is opened again.
  const follow = async (account: string, connect: () => Promise<SdsClient>): Promise<void> => {
    const workload = new Workload(`spiffe://cluster.local/ns/foo/sa/${account}`, roots);
    workloads.push(workload);
    while (!isOver) {
      await workload.follow(await connect(), onWrong).catch((error) => {
        if (!isOver) onWrong(`${account}: ${error}`);
      });
      if (!isOver) await sleep(RECONNECT_MS);
    }
  };

  const nodeSocket = await open({ mode: 'node' });
  const connections: SdsClient[] = [];
  for (let at = 0; at < PODS; at += 1) {
    const account = `pod-${at}`;
    const pod = { namespace: 'foo', serviceaccount: { name: account }, pod: { name: account, uid: account } };
    void follow(account, async () => {
      const token = await issuer.sign({ ...issuer.claims('foo', account), 'kubernetes.io': pod });
      const metadata = { authorization: `Bearer ${token}` };
      const shared = connections[at % CONNECTIONS];
      if (shared !== undefined) return shared.another(metadata);
      const stream = openSdsClient(t, nodeSocket, metadata);
      connections[at % CONNECTIONS] = stream;
      return stream;
    });
  }
  const tokenFiles: { account: string; path: string }[] = [];
  const writeTokens = async (): Promise<void> => {
    for (const { account, path } of tokenFiles) writeFileSync(path, await issuer.token('foo', account));
  };
  for (let at = 0; at < SIDECARS; at += 1) {
    const account = `sidecar-${at}`;
    const path = join(shortDir(t), 'token');
    tokenFiles.push({ account, path });
    await writeTokens();
    const socket = await open({ namespace: 'foo', 'service-account': account, 'token-file': path });
    void follow(account, async () => openSdsClient(t, socket));
  }
  while (workloads.some(({ responses }) => responses === 0)) await sleep(PERIOD_MS);

  const firstCalls = ca.calls;
  const startedAt = Date.now();
  let lookedAtMs = Date.now();
  let stalledMs = 0;
  const watch = setInterval(() => {
    const lateMs = Date.now() - lookedAtMs - PERIOD_MS;
    lookedAtMs += PERIOD_MS + lateMs;
    if (lateMs > STALL_MS) {
      stalledMs += lateMs;
      excusedUntilMs = Date.now() + (TTL_SECONDS / 2) * 1000;
    }
    for (const { spiffeId, isServed } of workloads) if (!isServed) onWrong(`${spiffeId}: nothing valid`);
  }, PERIOD_MS);
  let written = Promise.resolve();
  const kubelet = setInterval(() => {
    written = written.then(writeTokens);
  }, TOKEN_MS);
  const happened = new Set<string>();
  let faultMs = 0;
  const faults = Object.entries(FAULTS);
  while (Date.now() - startedAt < SECONDS * 1000) {
    const [name, fault] = faults[below(faults.length + 3)] ?? ['is killed', undefined];
    happened.add(name);
    if (fault === undefined) ca.kill();
    else ca.fault = fault;
    if (random() < 0.3) clockMs = below(MAX_CLOCK_MS);
    const lastsMs = below(MAX_FAULT_MS);
    faultMs += lastsMs;
    await sleep(lastsMs);
    if (fault === undefined) await ca.start();
    ca.fault = { kind: 'none' };
    await sleep(MIN_CALM_MS + below(MAX_CALM_MS - MIN_CALM_MS));
  }
  clearInterval(watch);
  clearInterval(kubelet);
  // Before the test takes their directories away.
  await written;
  isOver = true;

  const seconds = (Date.now() - startedAt) / 1000;
  const due = (seconds / (TTL_SECONDS / 2)) * workloads.length;
  const calls = ca.calls - firstCalls;
  t.comment(
    `${happened.size} kinds of faults, ${calls} calls, ${due.toFixed(0)} renewals due, stalled for ${stalledMs} ms`,
  );
  t.strictSame(wrong.slice(0, 10), []);
  // Each one asks twice a second at most while something fails, and a moment longer.
  t.ok(calls < due + 2 * workloads.length * ((2 * faultMs) / 1000), `${calls} calls`);
  const pushes = workloads.map(({ responses }) => responses - 1);
  t.ok(
    Math.min(...pushes) >= Math.floor((seconds - stalledMs / 1000) / TTL_SECONDS) - 1,
    `each was renewed: ${Math.min(...pushes)} times at least`,
  );
});
