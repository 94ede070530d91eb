import { readdirSync, readFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { encodeFrame, encodeSettings, Frame, Setting } from '../../src/net/http2/index.js';
import { UNBUNDLED_SIDECERT } from '../support/mesh.js';
import { seededRandom } from '../support/prng.js';
import { callHeaders, data, opening, ping } from '../support/raw-frames.js';
import { RawPeer } from '../support/raw-peer.js';
import { openSdsClient } from '../support/sds-client.js';
import { SidecertProcess } from '../support/sidecert-process.js';
import { nextKey, serveAgents, takeKey } from './agent-process.js';
import { hostileBytes, type Random } from './conversations.js';
import { asks, STREAM_SECRETS } from './served.js';

/**
 * `npm run soak -- --minutes 60` for more. Long enough for some hundred peers, ten floods and twenty rotations; what
 * grows slowly does not show in a few minutes, and its slope is judged in a longer run alone.
 */
const SECONDS = Number(process.env.SOAK_SECONDS ?? 45);

/** The fleets wait so much longer for what has not come; beyond that the whole has stuck. */
const GRACE_SECONDS = 120;

t.setTimeout((SECONDS + 2 * GRACE_SECONDS) * 1000);

/**
 * What is left when all have gone may be so much above what there was: descriptors of the CA's connection come and go.
 */
const SPARE_DESCRIPTORS = 3;

/** Of an agent that has nothing to do any more. */
const MAX_RSS_MB = 200;

/** V8 collects an idle heap some seconds after the last work; far more than it takes on a machine that has no time. */
const SETTLING_MS = 60_000;

/** The thread of the pool comes with a rotation, and goes when it has had nothing to do. */
const SPARE_THREADS = 1;

/** In which memory may still find its size: code is compiled, and V8 takes what it is given. */
const WARM_UP_SHARE = 1 / 3;

/** One every two seconds, where the machine has the time, of certificates that live on where it has not. */
const RENEWALS = ['--renew-at', '0.0333'];

/** Between two hostile peers, and between two samples. */
const PACE_MS = 50;
const SAMPLE_MS = 1000;

/** Between two tokens: far less than the hour that one is good for, and some in each run. */
const TOKEN_MS = Math.min(60_000, (SECONDS * 1000) / 4);

interface Sample {
  readonly atSeconds: number;
  readonly rssMb: number;
  readonly descriptors: number;
  readonly threads: number;
}

function sample(pid: number, atSeconds: number): Sample {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = (name: string) => Number(new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(status)?.[1]);
  const descriptors = readdirSync(`/proc/${pid}/fd`).length;
  return { atSeconds, rssMb: field('VmRSS') / 1024, descriptors, threads: field('Threads') };
}

/** Megabytes a minute, by least squares. */
function slopeOf(samples: readonly Sample[]): number {
  const mean = (of: (one: Sample) => number) => samples.reduce((sum, one) => sum + of(one), 0) / samples.length;
  const [meanAt, meanMb] = [mean(({ atSeconds }) => atSeconds), mean(({ rssMb }) => rssMb)];
  const covariance = mean(({ atSeconds, rssMb }) => (atSeconds - meanAt) * (rssMb - meanMb));
  return (
    (60 * covariance) /
    Math.max(
      1e-9,
      mean(({ atSeconds }) => (atSeconds - meanAt) ** 2),
    )
  );
}

/** One peer that does harm, in one of the ways there are; it stays for a while. */
async function harm(t: Test, path: string, random: Random): Promise<RawPeer> {
  const peer = await RawPeer.connect(t, path, { greets: false });
  const kind = random();
  if (kind < 0.5) {
    peer.send(hostileBytes(random));
  } else if (kind < 0.6) {
    peer.send(opening([[Setting.initialWindowSize, 0]]), asks(1), asks(3, ['ROOTCA']));
  } else if (kind < 0.7) {
    peer.socket.pause();
    peer.send(opening(), ...Array.from({ length: 500 }, (_, index) => asks(1 + 2 * index)));
  } else if (kind < 0.8) {
    peer.send(opening(), callHeaders(1, STREAM_SECRETS), data(1, Buffer.from([0, 0, 0, 9, 9, 1])));
  } else if (kind < 0.9) {
    peer.send(opening(), encodeFrame(Frame.headers, 0, 1, Buffer.alloc(1)));
  } else {
    peer.send(opening(), encodeSettings([]), ...Array.from({ length: 300 }, () => ping()));
  }
  return peer;
}

/** A flood in full, at most one in four seconds: more, and the process that plays it would not be let in. */
async function flood(t: Test, path: string): Promise<void> {
  const peer = await RawPeer.connect(t, path);
  peer.send(...Array.from({ length: 20_001 }, () => ping()));
  await peer.ended();
  peer.leave();
}

t.test(
  `${SECONDS} s of churn, rotations and peers that misbehave: memory and descriptors stay, nothing is lost`,
  async (t) => {
    const agents = await serveAgents(t, { ttl: '60s' });
    // What the runner of the tests puts into every Node takes up to 60 MB and is none of the agent's.
    const agent = await agents.start({ wrapper: ['env', '-u', 'NODE_OPTIONS'], args: RENEWALS });
    const victim = openSdsClient(t, agents.socket);
    const keys = new Set([(await takeKey(victim)).toString('latin1')]);
    const before = sample(agent.pid, 0);
    let isServed = true;
    const watch = (async () => {
      for (;;) {
        const key = await nextKey(victim).catch(() => undefined);
        if (key === undefined) break;
        keys.add(key.toString('latin1'));
      }
      isServed = false;
    })();
    const fleet = (envoys: number, misbehaves: string) =>
      new SidecertProcess(
        t,
        [
          ...['fleet', '--socket', agents.socket, '--envoys', String(envoys), '--misbehave', misbehaves],
          ...['--duration', `${SECONDS}s`, '--timeout', `${SECONDS + GRACE_SECONDS}s`],
          ...['--first-request-bytes', '55000'],
        ],
        { sidecert: UNBUNDLED_SIDECERT },
      );
    const fleets = [fleet(200, 'churn:20'), fleet(50, 'slow:0.5'), fleet(50, 'nack:0.2'), fleet(50, 'silent:0.5')];

    const random = seededRandom(1);
    const startedAtMs = performance.now();
    const samples: Sample[] = [];
    const peers: RawPeer[] = [];
    let floods = 0;
    let harmCount = 0;
    let tokens = 0;
    for (let atMs = 0; atMs < SECONDS * 1000; atMs = performance.now() - startedAtMs) {
      peers.push(await harm(t, agents.socket, random));
      harmCount += 1;
      if (peers.length > 40) peers.shift()?.leave();
      if (atMs > 4000 * floods) {
        floods += 1;
        await flood(t, agents.socket);
      }
      if (atMs > TOKEN_MS * (tokens + 1)) {
        tokens += 1;
        await agents.renewToken();
      }
      if (atMs > SAMPLE_MS * samples.length) samples.push(sample(agent.pid, atMs / 1000));
      await new Promise((resolve) => setTimeout(resolve, PACE_MS));
    }
    for (const peer of peers) peer.leave();
    const ended = await Promise.all(fleets.map((fleet) => fleet.whole()));

    for (const [index, { code, out }] of ended.entries())
      t.comment(`fleet ${index}: ${code}\n${out.split('\n').slice(-14).join('\n')}`);
    t.equal(ended[0]?.code, 0, 'Envoys that come and go get all that is theirs');
    t.ok(keys.size > SECONDS / 15, `the victim has had ${keys.size} keys, each another`);
    const [most, mostThreads] = [before.descriptors + SPARE_DESCRIPTORS, before.threads + SPARE_THREADS];
    const after = await settled(
      () => sample(agent.pid, SECONDS),
      ({ descriptors, rssMb, threads }) => descriptors <= most && rssMb < MAX_RSS_MB && threads <= mostThreads,
    );
    t.ok(after.descriptors <= most, `descriptors: ${before.descriptors}, then ${after.descriptors}`);
    t.ok(after.threads <= mostThreads, `threads: ${before.threads}, then ${after.threads}`);
    const warm = samples.filter(({ atSeconds }) => atSeconds > SECONDS * WARM_UP_SHARE);
    const slope = slopeOf(warm);
    t.comment(
      `${harmCount} hostile peers, ${floods} floods, ${keys.size} rotations; RSS ${before.rssMb.toFixed(0)} MB before, ` +
        `${Math.max(...samples.map(({ rssMb }) => rssMb)).toFixed(0)} at most, ${after.rssMb.toFixed(0)} after; ` +
        `slope ${slope.toFixed(2)} MB a minute of the last ${warm.length} s`,
    );
    const course = samples.filter((_, index) => index % Math.ceil(samples.length / 30) === 0);
    t.comment(`RSS in MB: ${course.map(({ rssMb }) => rssMb.toFixed(0)).join(' ')}`);
    t.ok(after.rssMb < MAX_RSS_MB, `RSS ${after.rssMb.toFixed(0)} MB`);
    // In a short run the slope says nothing: memory is still finding its size.
    t.ok(SECONDS < 300 || slope < 0.5, `slope ${slope.toFixed(2)} MB a minute`);
    t.ok(isServed, 'the victim has had one stream all the time');
    agent.kill('SIGTERM');
    const { code, err } = await agent.whole();
    t.equal(code, 0, 'no timer and no connection holds it');
    t.notMatch(err, /"level":"error"/);
    await watch;
  },
);

/** What there is once the last connections have been closed, and V8 has collected what they left. */
async function settled(take: () => Sample, isSettled: (now: Sample) => boolean): Promise<Sample> {
  let now = take();
  for (let waitedMs = 0; waitedMs < SETTLING_MS && !isSettled(now); waitedMs += PACE_MS) {
    await new Promise((resolve) => setTimeout(resolve, PACE_MS));
    now = take();
  }
  return now;
}
