import { existsSync } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { spread } from '../../src/agent/sds/spread.js';
import { freePorts } from '../../src/demo/free-ports.js';
import { openSdsClient } from '../support/sds-client.js';
import { askUnix } from '../support/unix-http.js';
import { nextKey, ReturningEnvoy, serveAgents, takeKey } from './agent-process.js';

t.test(
  'row 76: a new agent takes the socket over: each Envoy comes back once, and no connect fails',
  { timeout: 250_000 },
  async (t) => {
    const agents = await serveAgents(t);
    const old = await agents.start();
    const envoys = await Promise.all(Array.from({ length: 20 }, () => ReturningEnvoy.connect(t, agents.socket)));
    const before = (await lstat(agents.socket)).ino;
    const next = await agents.start({ args: ['--takeover'] });
    t.not((await lstat(agents.socket)).ino, before);
    t.same(
      envoys.map(({ returns }) => returns),
      envoys.map(() => 0),
      'the old one keeps its own',
    );
    const newcomer = openSdsClient(t, agents.socket);
    const key = await takeKey(newcomer);
    old.kill('SIGTERM');
    t.equal(await old.ended, 0);
    await Promise.all(envoys.map((envoy) => envoy.returned()));
    t.same(
      envoys.map(({ returns }) => returns),
      envoys.map(() => 1),
    );
    t.ok(existsSync(agents.socket), 'the old one has left the socket alone');
    t.ok(key.length > 0);
    await newcomer.expectSilence();
    await Promise.all(envoys.map((envoy) => envoy.leave()));
    next.kill('SIGTERM');
    t.equal(await next.ended, 0);
    t.notOk(existsSync(agents.socket));
  },
);

t.test(
  'row 76: a new agent takes over the status page, too, or waits for its port',
  { timeout: 250_000 },
  async (t) => {
    const [port = 0] = await freePorts(1);
    const cases = [
      {
        what: 'a Unix socket',
        addressIn: (directory: string) => join(directory, 'status'),
        ask: async (address: string) => (await askUnix(address, '/healthz/ready')).status,
        waits: [],
      },
      {
        what: 'a port',
        addressIn: () => `127.0.0.1:${port}`,
        ask: async (address: string) => (await fetch(`http://${address}/healthz/ready`)).status,
        waits: ['"warn","msg":"status page waits for its address"', 'EADDRINUSE'],
      },
    ];
    for (const { what, addressIn, ask, waits } of cases) {
      await t.test(what, async (t) => {
        const agents = await serveAgents(t);
        const address = addressIn(agents.directory);
        const old = await agents.start({ args: ['--status-address', address] });
        await takeKey(openSdsClient(t, agents.socket));
        const next = await agents.start({ args: ['--status-address', address, '--takeover'] });
        await takeKey(openSdsClient(t, agents.socket));
        for (const text of waits) await next.says(text);
        t.equal(await ask(address), 200, 'one of them answers');
        old.kill('SIGTERM');
        t.equal(await old.ended, 0);
        await next.says('"status page open"');
        t.equal(await ask(address), 200, 'and then the new one');
        await takeKey(openSdsClient(t, agents.socket));
        next.kill('SIGTERM');
        const { code, err } = await next.whole();
        t.equal(code, 0);
        t.equal(err.includes('status page waits'), waits.length > 0);
      });
    }
  },
);

t.test('row 76: who waits for the port of the status page ends like any other', { timeout: 250_000 }, async (t) => {
  const [port = 0] = await freePorts(1);
  const agents = await serveAgents(t);
  const args = ['--status-address', `127.0.0.1:${port}`];
  const old = await agents.start({ args });
  const next = await agents.start({ args: [...args, '--takeover'] });
  next.kill('SIGTERM');
  t.equal(await next.ended, 0);
  t.match((await fetch(`http://127.0.0.1:${port}/healthz/live`)).status, 200);
  old.kill('SIGTERM');
  t.equal(await old.ended, 0);
});

t.test('row 72: without --takeover a second agent is refused, and says what to do', { timeout: 250_000 }, async (t) => {
  const agents = await serveAgents(t);
  await agents.start();
  await t.rejects(agents.start(), /ERR_SOCKET_IN_USE/);
  await takeKey(openSdsClient(t, agents.socket));
});

t.test(
  'row 55: after a kill -9 the next agent takes the stale socket, and Envoys come back',
  { timeout: 250_000 },
  async (t) => {
    const agents = await serveAgents(t);
    const first = await agents.start();
    const client = openSdsClient(t, agents.socket);
    await takeKey(client);
    first.kill('SIGKILL');
    await first.ended;
    t.not((await client.ended).code, 0);
    await agents.start();
    await takeKey(openSdsClient(t, agents.socket));
    t.same((await readdir(agents.directory)).sort(), ['root.pem', 's', 'token']);
  },
);

t.test(
  'row 75: SIGTERM sends a crowd of streams away with OK over a second, removes the socket and ends with 0',
  { timeout: 250_000 },
  async (t) => {
    const agents = await serveAgents(t);
    const agent = await agents.start();
    const first = openSdsClient(t, agents.socket);
    await takeKey(first);
    const clients = Array.from({ length: 500 }, (_, index) =>
      index % 5 === 0 ? openSdsClient(t, agents.socket) : first.another(),
    );
    await Promise.all(clients.map((client) => takeKey(client)));
    const startedAtMs = performance.now();
    const ends: number[] = [];
    agent.kill('SIGTERM');
    await Promise.all(
      clients.map(async (client) => {
        t.equal((await client.ended).code, 0);
        ends.push(performance.now() - startedAtMs);
      }),
    );
    t.equal(await agent.ended, 0);
    t.notOk(existsSync(agents.socket));
    t.comment(`from ${Math.min(...ends).toFixed(0)} to ${Math.max(...ends).toFixed(0)} ms`);
  },
);

t.test('row 75: a crowd is sent away in even steps, a few at once', async (t) => {
  const steps: number[][] = [];
  const items = Array.from({ length: 1000 }, (_, index) => index);
  let step: number[] = [];
  const spreading = spread(items, 100, (item) => {
    if (step.length === 0) {
      steps.push(step);
      setImmediate(() => {
        step = [];
      });
    }
    step.push(item);
  });
  await spreading;
  t.equal(steps.length, 5);
  t.same(
    steps.map(({ length }) => length),
    [200, 200, 200, 200, 200],
  );
  t.same(steps.flat(), items);
  let few = 0;
  await spread(items.slice(0, 100), 100, () => (few += 1));
  t.equal(few, 100);
});

t.test(
  'row 71: an agent’s socket is put into its place ready, whoever waits for it',
  { timeout: 250_000 },
  async (t) => {
    const agents = await serveAgents(t);
    const seen = new Set<number>();
    let isLooking = true;
    const look = (async () => {
      while (isLooking) {
        const file = await lstat(agents.socket).catch(() => undefined);
        if (file !== undefined) seen.add(file.mode & 0o777);
        await new Promise(setImmediate);
      }
    })();
    const agent = await agents.start();
    const client = openSdsClient(t, join(agents.directory, 's'));
    await takeKey(client);
    isLooking = false;
    await look;
    t.same([...seen], [0o660]);
    agent.kill('SIGTERM');
    await agent.ended;
    await t.rejects(nextKey(client));
  },
);
