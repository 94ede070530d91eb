import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { startAgent } from '../../src/app/index.js';
import { PATIENCE_MS } from '../support/patience.js';
import { seededRandom } from '../support/prng.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { openSdsClient, type SdsClient } from '../support/sds-client.js';
import { shortDir } from '../support/short-dir.js';
import { agentConfig } from '../support/sidecar-agent.js';
import { CA_FAULTS, isAbsence, MortalCa } from './chaos-ca.js';
import { WritingAgent } from './chaos-files.js';
import { Kubelet, PodToken, TOKEN_FAULTS } from './chaos-tokens.js';
import { Workload } from './chaos-workload.js';
import { withoutOwnDisks } from './own-disk.js';

// The agent of a node, agents of one workload each, with one CA or with two, and one that writes files to a small disk,
// through all that CAs, tokens, a clock and a disk can do to them. Each fault is over before a certificate that is due
// has expired: whatever comes, no workload may be without a valid one.

const SECONDS = Number(process.env.CHAOS_SECONDS ?? 60);
const PODS = Number(process.env.CHAOS_PODS ?? 60);
const SEED = Number(process.env.CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 32));
const SIDECARS = 6;

/** Of the sidecars, so many have a second CA behind the first one. */
const WITH_TWO_CAS = 3;

/** Of a certificate; it is due at half of it. What a crowd is asked to wait has to fit into it. */
const TTL_SECONDS = PODS <= 500 ? 30 : 120;

/**
 * The longest wait between two tries of a pod, while half a life is left of its certificate: two seconds, or as the
 * agent spreads those of a crowd, fifty a second, over half of what is left. (docs/sds.md, "Retries")
 */
const MAX_WAIT_MS = Math.max(2000, Math.min(40 * PODS, (TTL_SECONDS * 1000) / 4));

/** A fault, and the calm behind it: that is longer than an agent waits between two tries, so it holds a try of each. */
const MAX_FAULT_MS = (TTL_SECONDS * 1000) / 8;
const MIN_CALM_MS = MAX_WAIT_MS + 1500;
const MAX_CALM_MS = MIN_CALM_MS + 1500;

/** Between two tokens that a kubelet writes: those that a CA has refused are refused from memory for longer. */
const TOKEN_MS = 3000;

/** Of the tokens of pods: at its end all streams of the pod end, and come back with the next one. */
const MIN_TOKEN_SECONDS = 300;
const MAX_TOKEN_SECONDS = 900;

/**
 * How far the clock of an agent is put ahead of the others', and back: less than a certificate has left when it is due.
 * Never behind them, for the deadlines of its calls are kept by the clock of this process.
 */
const MAX_CLOCK_MS = 3000;

/** So many connections have all streams of pods. */
const CONNECTIONS = Math.max(6, Math.ceil(PODS / 50));

/** Between the end of a stream and the next one. */
const RECONNECT_MS = 500;

/** Between two looks at what the workloads have. */
const PERIOD_MS = 250;

/**
 * Looks that come so much later, of the last half of a life, tell that this process, with its agents and its CAs, did
 * not run for so long: lives went by in which there were no renewals. Within half a life behind it all must be as it
 * should.
 */
const STALL_MS = 2000;

/** Until all have a first certificate: far above what that takes. */
const START_MS = PATIENCE_MS + PODS * 100;

t.setTimeout((SECONDS + 120) * 1000 + START_MS);

const random = seededRandom(SEED);
const below = (limit: number): number => Math.floor(random() * limit);

/** What may go wrong for a while. */
interface Failure {
  readonly name: string;
  /** How often one workload that is due then may ask while it lasts so long. */
  readonly tries?: (lastsMs: number) => number;
  begin(): void | Promise<void>;
  end(): void | Promise<void>;
}

/**
 * Of a CA that gives no answer, or has too much to do: five tries of each request, within 750 ms on average, and then a
 * wait of a tenth of what is left, a fourth of a life at least, half of that on average. (docs/ca.md, "Several CAs";
 * docs/sds.md, "Retries")
 */
const triesOfAbsent = (lastsMs: number): number => 5 * (1 + lastsMs / (750 + (TTL_SECONDS * 1000) / 80));

/** Of one that refuses, or whose answers cannot be used: after half a second on average, then one, two. (ibid.) */
const triesOfRefused = (lastsMs: number): number => 2 + lastsMs / 1000;

t.test(`whatever fails, every workload has a valid certificate (seed ${SEED})`, async (t) => {
  const cas = [await MortalCa.start(t), await MortalCa.start(t)] as const;
  const roots = cas.map(({ root }) => new X509Certificate(root.certificatePem));
  const rootFiles = roots.map((root) => {
    const path = join(shortDir(t), 'root.pem');
    writeFileSync(path, root.toString());
    return path;
  });
  const wrong: string[] = [];
  let excusedUntilMs = 0;
  let failing = 'nothing has failed yet';
  const onWrong = (text: string): void => {
    if (Date.now() > excusedUntilMs) wrong.push(`${new Date().toISOString()} ${text} (${failing})`);
  };
  let clockMs = 0;
  const now = (): number => Date.now() + clockMs;
  const flagsOf = (caCount: number) => ({
    'ca-address': cas.slice(0, caCount).map(({ address }) => address),
    'ca-root': rootFiles.slice(0, caCount),
    ttl: `${TTL_SECONDS}s`,
  });
  const open = async (caCount: number, flags: Record<string, string>): Promise<string> => {
    const socket = join(shortDir(t), 's');
    const config = agentConfig({ ...flagsOf(caCount), socket, ...flags });
    const agent = await startAgent(config, { logger: new RecordingLogger(), now, random, nodeFlags: [] });
    t.teardown(() => agent.close());
    return socket;
  };
  let isOver = false;
  t.teardown(() => {
    isOver = true;
  });
  // As Envoy does: what it holds stays, and a stream that has ended is opened again.
  const again = async (account: string, follow: () => Promise<void>): Promise<void> => {
    while (!isOver) {
      await follow().catch((error) => {
        if (!isOver) onWrong(`${account}: ${error}`);
      });
      if (!isOver) await sleep(RECONNECT_MS);
    }
  };
  const workloads: Workload[] = [];
  const added = (account: string): Workload => {
    const workload = new Workload(`spiffe://cluster.local/ns/foo/sa/${account}`, roots, onWrong);
    workloads.push(workload);
    return workload;
  };

  const nodeSocket = await open(1, { mode: 'node' });
  const connections: SdsClient[] = [];
  let podTokens = 0;
  for (let at = 0; at < PODS; at += 1) {
    const account = `pod-${at}`;
    const lifeSeconds = MIN_TOKEN_SECONDS + below(MAX_TOKEN_SECONDS - MIN_TOKEN_SECONDS);
    const podToken = new PodToken(account, { lifeSeconds, everyMs: TOKEN_MS });
    const connect = async (): Promise<SdsClient> => {
      const { token, isNew } = await podToken.read();
      podTokens += isNew ? 1 : 0;
      const metadata = { authorization: `Bearer ${token}` };
      const shared = connections[at % CONNECTIONS];
      if (shared !== undefined) return shared.another(metadata);
      const stream = openSdsClient(t, nodeSocket, metadata);
      connections[at % CONNECTIONS] = stream;
      return stream;
    };
    const workload = added(account);
    void again(account, async () => workload.follow(await connect()));
  }
  const kubelet = new Kubelet(t);
  for (let at = 0; at < SIDECARS; at += 1) {
    const account = `sidecar-${at}`;
    const socket = await open(at < WITH_TWO_CAS ? 2 : 1, await kubelet.flagsFor(account));
    const workload = added(account);
    void again(account, () => workload.follow(openSdsClient(t, socket)));
    void again(account, () => workload.followRoots(openSdsClient(t, socket)));
  }
  const noDisk = withoutOwnDisks();
  if (noDisk !== false) t.comment(`without a full disk: ${noDisk}`);
  const files =
    noDisk === false ? new WritingAgent(t, { ...flagsOf(2), ...(await kubelet.flagsFor('files')) }) : undefined;
  const isUnserved = (): boolean => files?.isServing === false || workloads.some(({ responses }) => responses === 0);
  for (const limit = AbortSignal.timeout(START_MS); isUnserved(); await sleep(PERIOD_MS)) {
    if (limit.aborted) throw files?.failure('not all were served') ?? new Error('not all were served');
  }

  const callsOfAll = (): number => cas.reduce((sum, { calls }) => sum + calls, 0);
  const firstCalls = callsOfAll();
  const firstTokens = podTokens;
  const startedAt = Date.now();
  let lookedAtMs = Date.now();
  let stalledMs = 0;
  let excusedMs = 0;
  let late: { readonly atMs: number; readonly byMs: number }[] = [];
  const watch = setInterval(() => {
    const nowMs = Date.now();
    const halfLifeMs = (TTL_SECONDS / 2) * 1000;
    const byMs = Math.max(0, nowMs - lookedAtMs - PERIOD_MS);
    late = [...late, { atMs: nowMs, byMs }].filter(({ atMs }) => nowMs - atMs < halfLifeMs);
    if (late.reduce((sum, one) => sum + one.byMs, 0) > STALL_MS) {
      stalledMs += byMs;
      excusedMs += nowMs - lookedAtMs;
      excusedUntilMs = nowMs + halfLifeMs;
    }
    lookedAtMs = nowMs;
    for (const { spiffeId, isServed } of workloads) if (!isServed) onWrong(`${spiffeId}: nothing valid`);
    const problem = files?.problem();
    if (problem !== undefined) onWrong(`files: ${problem}`);
  }, PERIOD_MS);
  const rotation = setInterval(() => void kubelet.writeTokens(), TOKEN_MS);

  const caFaults = Object.entries(CA_FAULTS);
  const brokenCa = (ca: MortalCa, which: string): Failure => {
    // One time in nine it is killed: there the connection goes, and another CA has the port to itself.
    const [name, fault] = caFaults[Math.max(0, below(caFaults.length + 2) - 2)] ?? ['is killed', undefined];
    const tries = isAbsence(fault) ? triesOfAbsent : triesOfRefused;
    return { name: `${which} ${name}`, tries, begin: () => ca.break(fault), end: () => ca.mend() };
  };
  const brokenTokens = (): Failure => {
    const fault = TOKEN_FAULTS[below(TOKEN_FAULTS.length)];
    const name = `tokens ${fault}`;
    return { name, tries: triesOfRefused, begin: () => kubelet.break(fault), end: () => kubelet.break(undefined) };
  };
  const fullDisk: Failure = { name: 'disk is full', begin: () => files?.fillDisk(), end: () => files?.emptyDisk() };
  const movedClock: Failure = {
    name: 'clock is moved',
    begin: () => {
      clockMs = below(MAX_CLOCK_MS);
    },
    // Until it is moved again.
    end: () => {},
  };
  const drawFailures = (): Failure[] => [
    random() < 0.15 ? brokenTokens() : brokenCa(cas[0], 'CA'),
    ...(random() < 0.5 ? [brokenCa(cas[1], 'second CA')] : []),
    ...(random() < 0.3 ? [fullDisk] : []),
    ...(random() < 0.3 ? [movedClock] : []),
  ];
  const happened = new Map<string, number>();
  // Of a long run somebody wants to know how it goes.
  const tellProgress = (): void => {
    if (SECONDS <= 60) return;
    const seconds = Math.round((Date.now() - startedAt) / 1000);
    const calls = callsOfAll() - firstCalls;
    process.stderr.write(`${seconds} s: ${calls} calls, ${wrong.length} wrong, stalled ${stalledMs} ms; ${failing}\n`);
  };
  let allowed = 0;
  while (Date.now() - startedAt < SECONDS * 1000) {
    const failures = drawFailures();
    for (const { name } of failures) happened.set(name, (happened.get(name) ?? 0) + 1);
    failing = failures.map(({ name }) => name).join(', ');
    const lastsMs = below(MAX_FAULT_MS);
    for (const { begin } of failures) await begin();
    await sleep(lastsMs);
    for (const { end } of failures) await end();
    failing = `after ${lastsMs} ms of: ${failing}`;
    tellProgress();
    const shareDue = (lastsMs + MAX_WAIT_MS) / ((TTL_SECONDS * 1000) / 2);
    const tries = failures.map((failure) => failure.tries?.(lastsMs) ?? 0);
    allowed += shareDue * workloads.length * Math.max(...tries);
    await sleep(MIN_CALM_MS + below(MAX_CALM_MS - MIN_CALM_MS));
  }
  clearInterval(watch);
  clearInterval(rotation);
  // Before the test takes their directories away.
  await kubelet.writeTokens();
  isOver = true;

  const seconds = (Date.now() - startedAt) / 1000;
  // The one with files asks as the others do.
  const due = (seconds / (TTL_SECONDS / 2)) * (workloads.length + 1) + podTokens - firstTokens;
  const calls = callsOfAll() - firstCalls;
  t.comment([...happened].map(([name, times]) => `${name}: ${times}`).join(', '));
  t.comment(`${calls} calls, ${due.toFixed(0)} due, ${allowed.toFixed(0)} more allowed`);
  t.comment(`stalled for ${stalledMs} ms, and not judged for ${excusedMs} ms and half a life behind`);
  if (SECONDS > 60) t.ok(excusedMs < SECONDS * 500, 'a soak that was not judged for half of its time shows nothing');
  t.strictSame([...wrong.slice(0, 10), ...(wrong.length > 10 ? [`${wrong.length} in all`] : [])], []);
  t.ok(calls < due + allowed, `${calls} calls, ${Math.round(due + allowed)} at most`);
  const pushes = workloads.map(({ responses }) => responses - 1);
  t.ok(
    Math.min(...pushes) >= Math.floor((seconds - excusedMs / 1000) / TTL_SECONDS) - 1,
    `each was renewed: ${Math.min(...pushes)} times at least`,
  );
});
