import t, { type Test } from 'tap';
import { IdentityError } from '../../../src/errors/index.js';
import { Healing } from '../../../src/kubernetes/trust/healing.js';
import { FakeClock } from '../../support/fake-clock.js';
import { RecordingLogger } from '../../support/recording-logger.js';

interface Setup {
  readonly clock: FakeClock;
  readonly logger: RecordingLogger;
  readonly healing: Healing;
  /** Objects that are not as they should be. */
  readonly wrong: Set<string>;
  readonly writes: string[];
  /** Ends the writes that are under way. */
  finish(error?: Error): Promise<void>;
}

function setup(t: Test): Setup {
  const clock = new FakeClock();
  const logger = new RecordingLogger();
  const wrong = new Set<string>();
  const writes: string[] = [];
  let ends: ((error?: Error) => void)[] = [];
  const healing = new Healing({
    ...{ clock, logger, random: () => 0.5 },
    needsWrite: (key) => wrong.has(key),
    write: (key) =>
      new Promise((resolve, reject) => {
        writes.push(key);
        ends.push((error) => {
          if (error !== undefined) return reject(error);
          wrong.delete(key);
          resolve();
        });
      }),
    fieldsOf: (key) => ({ namespace: key }),
  });
  const finish = async (error?: Error): Promise<void> => {
    const under = ends;
    ends = [];
    for (const end of under) end(error);
    for (let turns = 0; turns < 5; turns += 1) await new Promise(setImmediate);
  };
  t.teardown(async () => {
    const closed = healing.close();
    await finish(new Error('the end'));
    await closed;
  });
  return { clock, logger, healing, wrong, writes, finish };
}

/** The object is changed by others; resolves when it has been written again. The pause before, in milliseconds. */
async function disturb({ wrong, healing, clock, writes, finish }: Setup, key: string): Promise<number> {
  const before = writes.length;
  wrong.add(key);
  healing.look(key);
  let pauseMs = 0;
  for (; writes.length === before; pauseMs += 50) clock.advance(50);
  await finish();
  return pauseMs;
}

t.test('an object is written when it needs it, once, after a moment in which another replica may', async (t) => {
  const { clock, healing, wrong, writes, finish } = setup(t);
  healing.look('a');
  for (const key of ['a', 'b']) {
    wrong.add(key);
    healing.look(key);
    healing.look(key);
  }
  t.strictSame(writes, []);
  wrong.delete('b');
  clock.advance(300);
  await finish();
  clock.advance(600_000);
  t.strictSame(writes, ['a']);
});

t.test('who changes an object again and again is put right ever later, and is not told of each time', async (t) => {
  const all = setup(t);
  const pauses: number[] = [];
  for (let times = 0; times < 12; times += 1) pauses.push(await disturb(all, 'a'));
  t.strictSame(pauses, [150, 150, 1150, 2150, 4150, 8150, 16_150, 32_150, 60_150, 60_150, 60_150, 60_150]);
  t.ok(all.logger.lines.length < 6);
  t.match(all.logger.lines[0], {
    message: 'published roots were changed or deleted by others, put right',
    fields: { namespace: 'a', count: 1 },
  });
});

t.test('no more than eight are written at a time', async (t) => {
  const { clock, healing, wrong, writes, finish } = setup(t);
  for (let index = 0; index < 20; index += 1) {
    wrong.add(`${index}`);
    healing.look(`${index}`);
  }
  clock.advance(300);
  t.equal(writes.length, 8);
  await finish();
  t.equal(writes.length, 16);
  await finish();
  await finish();
  t.equal(writes.length, 20);
});

t.test('what cannot be written is tried again, with a line a minute', async (t) => {
  const { clock, healing, wrong, writes, finish, logger } = setup(t);
  wrong.add('a');
  healing.look('a');
  clock.advance(300);
  for (let failures = 0; failures < 6; failures += 1) {
    await finish(new IdentityError('ERR_KUBERNETES_REFUSED', 'no role'));
    t.equal(writes.length, failures + 1, 'not at once');
    clock.advance(30_000);
    t.equal(writes.length, failures + 2);
  }
  await finish();
  t.match(logger.lines[0], {
    message: 'roots cannot be published, tried again',
    fields: { namespace: 'a', code: 'ERR_KUBERNETES_REFUSED', error: 'no role' },
  });
  t.ok(logger.lines.length <= 4);
});

t.test('a namespace that has gone is no fault, and is forgotten', async (t) => {
  const { clock, healing, wrong, writes, finish, logger } = setup(t);
  wrong.add('a');
  healing.look('a');
  clock.advance(300);
  const gone = finish(new IdentityError('ERR_KUBERNETES_NOT_FOUND', 'gone'));
  healing.forget('a');
  await gone;
  wrong.delete('a');
  clock.advance(600_000);
  t.strictSame(writes, ['a']);
  t.strictSame(logger.lines, []);
});
