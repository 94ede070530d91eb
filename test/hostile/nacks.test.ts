import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { encodeRequest, openSdsClient, type SdsClient } from '../support/sds-client.js';
import { askUnix } from '../support/unix-http.js';
import { serveAgents, takeKey } from './agent-process.js';
import { rssMbOf, settledRssMb } from './settled-memory.js';

const timeout = 250_000;
/** Three seconds of them, on a machine that has the time. */
const FLOOD = 3000;

/** A request may have a megabyte; the rest of it is names and nonce. */
const LARGE = 'x'.repeat(2 ** 20 - 500);

/** What a heap that is at work may differ by; what comes in has many times more. */
const SPARE_MB = 60;

/** An agent with a status page, and a victim. */
async function serveAgent(t: Test) {
  const agents = await serveAgents(t);
  const statusPath = join(agents.directory, 'status');
  const agent = await agents.start({ args: ['--status-address', statusPath] });
  const victim = openSdsClient(t, agents.socket);
  await takeKey(victim);
  const metrics = async (): Promise<string[]> => (await askUnix(statusPath, '/metrics')).body.trim().split('\n');
  return {
    ...{ agent, victim, metrics },
    connect: () => openSdsClient(t, agents.socket),
    /** Names and labels of all series. */
    series: async () => (await metrics()).filter((line) => !line.startsWith('#')).map((line) => line.split(' ')[0]),
    async counted(name: string): Promise<number> {
      const line = (await metrics()).find((line) => line.startsWith(`${name} `));
      return Number(line?.split(' ')[1]);
    },
    rssMb: () => rssMbOf(agent.pid),
    /** Asserts that it has kept little since it had `beforeMb`. */
    async hasKeptLittle(t: Test, beforeMb: number): Promise<void> {
      const nowMb = await settledRssMb(agent.pid, beforeMb + SPARE_MB);
      t.comment(`RSS ${beforeMb.toFixed(0)} MB, then ${nowMb.toFixed(0)}`);
      t.ok(nowMb - beforeMb < SPARE_MB, `${(nowMb - beforeMb).toFixed(0)} MB`);
    },
    /**
     * Ends the agent. Resolves with the lines that it has logged after a moment, in epoch milliseconds, but those of
     * its end: by then none is still on its way.
     */
    async linesSince(sinceMs: number): Promise<string[]> {
      const endMs = Date.now();
      agent.kill('SIGTERM');
      const { err } = await agent.whole();
      return err
        .trim()
        .split('\n')
        .filter((line) => {
          const atMs = Date.parse(JSON.parse(line).ts);
          return atMs > sinceMs && atMs < endMs;
        });
    },
    /** Waits until `name` is at `count`: a later call of the same connection can overtake what a client has written. */
    async reach(name: string, count: number): Promise<void> {
      while ((await this.counted(name)) < count) await nextTurn();
    },
  };
}

/** Calls `act` once a millisecond, or as often as the time allows. */
async function eachMillisecond(act: (count: number) => Promise<void>): Promise<void> {
  const startedAtMs = performance.now();
  for (let count = 0; count < FLOOD; count += 1) {
    while (performance.now() - startedAtMs < count) await nextTurn();
    await act(count);
  }
}

/** How many minutes have begun, for lines are limited by the minute: one, on a machine that has the time. */
function minutesFromNow(): () => number {
  const startedAtMs = performance.now();
  return () => 1 + Math.floor((performance.now() - startedAtMs) / 60_000);
}

/** NACKs a response, and asks for the other one of two names, so that there is another response. */
async function nacksAndGoesOn(client: SdsClient, count: number, text: string): Promise<void> {
  client.nack(await client.expectResponse(), `${text} ${count}`, { names: [count % 2 === 0 ? 'ROOTCA' : 'default'] });
}

t.test('row 68: a NACK each millisecond leaves a few lines, no series and no memory behind', { timeout }, async (t) => {
  const served = await serveAgent(t);
  const client = served.connect();
  client.request({ names: ['default'], nodeId: 'flooder' });
  for (let count = 0; count < 500; count += 1) await nacksAndGoesOn(client, count, 'no');
  const [series, rssMb, sinceMs] = [await served.series(), served.rssMb(), Date.now()];
  const minutes = minutesFromNow();
  await eachMillisecond((count) => nacksAndGoesOn(client, count, `refused ${'x'.repeat(40_000)}`));
  await served.reach('sidecert_sds_requests_total{verdict="nack"}', 500 + FLOOD);
  await served.victim.roundTrip();
  t.equal(await served.counted('sidecert_sds_requests_total{verdict="nack"}'), 500 + FLOOD);
  t.same(await served.series(), series);
  // Five of the first minute went to the first five hundred.
  const most = 5 * minutes();
  await served.hasKeptLittle(t, rssMb);
  const { length: lines } = await served.linesSince(sinceMs);
  t.ok(lines <= most + 5, `${lines} lines`);
});

t.test('row 68: NACKs of streams without end are a hundred lines, and no memory', { timeout }, async (t) => {
  const served = await serveAgent(t);
  const client = served.connect();
  const minutes = minutesFromNow();
  const refuses = async (text: string): Promise<void> => {
    const stream = client.another();
    stream.request({ names: ['default'], nodeId: 'flooder' });
    stream.nack(await stream.expectResponse(), text);
    await stream.roundTrip();
    stream.cancel();
  };
  for (let count = 0; count < 200; count += 1) await refuses('no');
  const [series, rssMb] = [await served.series(), served.rssMb()];
  await eachMillisecond((count) => refuses(`no ${count}`));
  t.same(await served.series(), series);
  const most = 100 * (1 + minutes());
  await served.victim.roundTrip();
  await served.hasKeptLittle(t, rssMb);
  const { length: lines } = (await served.linesSince(0)).filter((line) => line.includes('rejected by its proxy'));
  t.ok(lines >= 100 && lines <= most, `${lines} lines`);
});

t.test('row 68: NACKs of a megabyte, below the limit and above it, are not kept', { timeout }, async (t) => {
  const served = await serveAgent(t);
  const client = served.connect();
  const refuses = async (text: string): Promise<SdsClient> => {
    const stream = client.another();
    stream.request({ names: ['default'], nodeId: 'flooder' });
    const { nonce } = await stream.expectResponse();
    stream.sendRaw(encodeRequest({ names: ['default'], nonce, error: text }));
    return stream;
  };
  const both = async (count: number): Promise<void> => {
    const [within, beyond] = [await refuses(LARGE), await refuses(`${LARGE}${'x'.repeat(1000)}`)];
    t.match(await beyond.ended, { code: 8 });
    await served.reach('sidecert_sds_requests_total{verdict="nack"}', count);
    within.cancel();
  };
  for (let count = 1; count <= 20; count += 1) await both(count);
  const [series, rssMb, sinceMs] = [await served.series(), served.rssMb(), Date.now()];
  for (let count = 21; count <= 120; count += 1) await both(count);
  t.same(await served.series(), series);
  await served.victim.roundTrip();
  await served.hasKeptLittle(t, rssMb);
  const { length: bytes } = (await served.linesSince(sinceMs)).join('\n');
  t.ok(bytes < 100_000, `${bytes} bytes of log`);
});

t.test('row 68: ACKs of nonces to come change nothing: no line, no series, no memory', { timeout }, async (t) => {
  const served = await serveAgent(t);
  const client = served.connect();
  client.request({ names: ['default'], nodeId: 'flooder' });
  const { nonce } = await client.expectResponse();
  const stale = 'sidecert_sds_requests_total{verdict="stale"}';
  const early = (count: number) => `${nonce.slice(0, -4)}${(0xf000 + (count % 4000)).toString(16)}`;
  for (let count = 0; count < 500; count += 1) client.request({ nonce: early(count), version: '1' });
  await served.reach(stale, 500);
  const [series, rssMb, sinceMs] = [await served.series(), served.rssMb(), Date.now()];
  await eachMillisecond(async (count) => {
    client.request({ nonce: early(count), version: String(count) });
    if (count % 100 === 0) await client.roundTrip();
  });
  await served.reach(stale, 500 + FLOOD);
  await client.expectSilence();
  t.equal(await served.counted(stale), 500 + FLOOD);
  t.same(await served.series(), series);
  await served.hasKeptLittle(t, rssMb);
  t.strictSame(await served.linesSince(sinceMs), []);
});
