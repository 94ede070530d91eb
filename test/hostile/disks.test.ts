import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { until } from '../../src/demo/polling.js';
import { openSdsClient } from '../support/sds-client.js';
import { type AgentProcesses, nextKey, serveAgents, takeKey } from './agent-process.js';
import { OwnDisk, withoutOwnDisks } from './own-disk.js';

const timeout = 250_000;
const skip = withoutOwnDisks();

/** Renewals come after 2.7 to 3.3 s. */
const TTL = '6s';

/** Starts an agent with its sockets on a disk of its own, and waits until it serves. */
async function startOn(
  agents: AgentProcesses,
  disk: OwnDisk,
  wrapper: readonly string[],
  more: readonly string[] = [],
) {
  const agent = await agents.start({ wrapper, args: more, socket: join(disk.directory, 's') });
  return { agent, connect: (t: Test) => openSdsClient(t, disk.seenFromOutside(agent.pid, 's')) };
}

t.test('row 70: sockets that cannot be made are told with the reason, of a disk', { skip, timeout }, async (t) => {
  const cases = [
    { what: 'that can only be read', options: 'ro', reason: 'EROFS' },
    { what: 'that has no room for another file', options: 'nr_inodes=1', reason: 'ENOSPC' },
  ] as const;
  for (const { what, options, reason } of cases) {
    await t.test(what, async (t) => {
      const agents = await serveAgents(t);
      const disk = new OwnDisk(t);
      const socket = join(disk.directory, 's');
      await t.rejects(agents.start({ wrapper: disk.wrapper(options), socket }), new RegExp(reason));
      const status = ['--status-address', join(disk.directory, 'status')];
      await t.rejects(agents.start({ wrapper: disk.wrapper(options), args: status }), new RegExp(reason), 'status');
      const { agent, connect } = await startOn(agents, disk, disk.wrapper('size=64k'), status);
      await takeKey(connect(t));
      agent.kill('SIGTERM');
      t.equal(await agent.ended, 0, 'and with a disk that is well again all is well');
    });
  }
});

t.test('row 70: a disk that can only be read from now on takes nothing from anybody', { skip, timeout }, async (t) => {
  const agents = await serveAgents(t, { ttl: TTL });
  const disk = new OwnDisk(t);
  const { agent, connect } = await startOn(agents, disk, disk.wrapper('size=64k'));
  const client = connect(t);
  const first = await takeKey(client);
  disk.remount(agent.pid, 'ro');

  const second = await nextKey(client);
  t.notSame(second, first, 'it rotates');
  t.ok((await takeKey(connect(t))).length > 0, 'and lets newcomers in');
  const heir = disk.entering(agent.pid);
  await t.rejects(startOn(agents, disk, heir, ['--takeover']), /EROFS/, 'nobody can take over');
  t.notSame(await nextKey(client), second, 'and it goes on');

  disk.remount(agent.pid, 'rw');
  const { agent: successor, connect: connectToSuccessor } = await startOn(agents, disk, heir, ['--takeover']);
  await takeKey(connectToSuccessor(t));
  agent.kill('SIGTERM');
  t.equal(await agent.ended, 0);

  disk.remount(successor.pid, 'ro');
  successor.kill('SIGTERM');
  const { code, err } = await successor.whole();
  t.equal(code, 0, 'a socket that cannot be removed is no failure');
  t.match(err, /"level":"warn","msg":"socket could not be removed".*"error":"read-only file system \(EROFS\)"/);
  t.match(err, /"msg":"stopped"/);
});

t.test(
  'row 70: a log on a disk that fills up goes on in whole lines, and says how many are lost',
  { skip, timeout },
  async (t) => {
    // What stands before the first rotation must be done by then, on a machine that is busy.
    const agents = await serveAgents(t, { ttl: '20s' });
    const disk = new OwnDisk(t);
    const agent = await agents.start({
      wrapper: disk.wrapper('size=64k', `exec "$@" 2>>"${join(disk.directory, 'log')}"`),
      args: ['--log-level', 'debug'],
      socket: join(disk.directory, 's'),
      readyText: undefined,
    });
    const log = () => readFileSync(disk.seenFromOutside(agent.pid, 'log'), 'utf8');
    await until('the agent to be ready', AbortSignal.timeout(timeout), async () => {
      return (existsSync(disk.seenFromOutside(agent.pid, 'log')) && log().includes('"agent ready"')) || undefined;
    });
    const client = openSdsClient(t, disk.seenFromOutside(agent.pid, 's'));
    client.request({ names: ['default'], nodeId: 'envoy' });
    const first = await client.expectResponse();
    disk.fill(agent.pid);
    const { length: full } = log();
    // Each is a line, and none is answered.
    for (let count = 0; count < 300; count += 1) client.ack(first);
    await client.roundTrip();
    const second = await client.expectResponse();
    client.ack(second);
    t.not(second.version, first.version, 'it rotates');
    t.notMatch(log().slice(full), 'svid rotated', 'no line has room any more');

    disk.empty(agent.pid);
    t.not((await client.expectResponse()).version, second.version);
    await until('its line', AbortSignal.timeout(timeout), async () => {
      return /"log lines lost".*"svid rotated".*\n/s.test(log()) || undefined;
    });
    const lines = log().split('\n').slice(0, -1);
    const whole = lines.filter((line) => /^\{.*\}$/.test(line)).map((line) => JSON.parse(line));
    t.ok(lines.length - whole.length <= 1, 'at most the line that was cut short cannot be read');
    const lost = whole.findIndex(({ msg }) => msg === 'log lines lost');
    t.match(whole[lost], { level: 'warn' });
    t.ok(whole[lost].count > 100, `${whole[lost].count} lines are lost`);
    t.match(
      whole.slice(lost).find(({ msg }) => msg === 'svid rotated'),
      { level: 'info' },
    );
    agent.kill('SIGTERM');
    t.equal(await agent.ended, 0);
  },
);
