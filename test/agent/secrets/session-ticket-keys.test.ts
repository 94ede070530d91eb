import { randomBytes } from 'node:crypto';
import t, { type Test } from 'tap';
import { SessionTicketKeys } from '../../../src/agent/secrets/session-ticket-keys.js';
import { WallClockTimers } from '../../../src/timers/index.js';
import { FakeClock } from '../../support/fake-clock.js';
import { OfficialSecrets } from '../../support/official-secrets.js';
import { startSidecarAgent } from '../../support/sidecar-agent.js';

const official = new OfficialSecrets();
const DAY_MS = 24 * 3600_000;

function keysIn(body: Buffer): Buffer[] {
  const { sessionTicketKeys } = official.secret(body) as { sessionTicketKeys: { keys: { inlineBytes: Buffer }[] } };
  return sessionTicketKeys.keys.map(({ inlineBytes }) => Buffer.from(inlineBytes));
}

function open(t: Test) {
  const clock = new FakeClock();
  const timers = new WallClockTimers(clock);
  t.teardown(() => timers.close());
  let changes = 0;
  const onChange = (): void => {
    changes += 1;
  };
  const wanted = { now: true };
  const isWanted = (): boolean => wanted.now;
  const keys = new SessionTicketKeys({ timers, now: clock.now, randomBytes, onChange, isWanted });
  return { clock, keys, wanted, changes: () => changes };
}

t.test('row 45: ticket keys are of 80 bytes; each day brings one, the newest first, and two are kept', async (t) => {
  const { clock, keys, changes } = open(t);
  const [first, ...none] = keysIn(keys.content().body);
  t.equal(first?.length, 80);
  t.equal(none.length, 0);
  clock.advance(DAY_MS);
  const [second, kept] = keysIn(keys.content().body);
  t.same(kept, first);
  t.notSame(second, first);
  clock.advance(DAY_MS);
  const third = keysIn(keys.content().body);
  t.equal(third.length, 2);
  t.same(third[1], second);
  t.ok(third.every((key) => key.length === 80));
  t.equal(changes(), 2);
});

t.test('what is replaced is wiped, and what nobody has wanted for a day is forgotten', async (t) => {
  const { clock, keys, wanted, changes } = open(t);
  const first = keys.content();
  const firstBody = first.body;
  t.equal(keys.content(), first, 'the same object for all streams');
  clock.advance(DAY_MS);
  t.ok(firstBody.every((byte) => byte === 0));
  const secondBody = keys.content().body;
  wanted.now = false;
  clock.advance(DAY_MS);
  t.ok(secondBody.every((byte) => byte === 0));
  t.equal(changes(), 1);
  t.equal(clock.armed, 0, 'no timer stays');
  t.equal(keysIn(keys.content().body).length, 1, 'asked for again they are new');
});

t.test(
  'they are served under their name, the same to all streams of the workload, and only where it is set',
  async (t) => {
    const { ask } = await startSidecarAgent(t, { flags: { 'session-ticket-keys-name': 'tickets' } });
    const [one, other] = [await ask('tickets', 'default'), await ask('tickets')];
    const keysOf = (bytes: Buffer): unknown =>
      official.resources(bytes).find(({ name }) => name === 'tickets')?.sessionTicketKeys;
    t.same(keysOf(one.response.bytes), keysOf(other.response.bytes));
    t.ok(keysOf(one.response.bytes));
  },
);
