import t, { type Test } from 'tap';
import { DeliveryByAcks, SecretContent } from '../../../src/agent/identity/index.js';
import { CancelSource } from '../../../src/cancellation/index.js';
import { WallClockTimers } from '../../../src/timers/index.js';
import { FakeClock } from '../../support/fake-clock.js';
import { serveSds } from '../sds/serve.js';

/** A wait of five seconds for a bundle, by a clock that the test moves. */
function wait(t: Test) {
  const clock = new FakeClock();
  const timers = new WallClockTimers(clock);
  t.teardown(() => timers.close());
  const streams = { areSettled: false };
  const delivery = new DeliveryByAcks({ isSettled: () => streams.areSettled, timers, now: clock.now });
  const stop = new CancelSource();
  let isOver = false;
  const bundle = new SecretContent('validation-context', Buffer.alloc(0));
  const over = delivery.delivered(bundle, { timeoutMs: 5000, signal: stop }).then(() => {
    isOver = true;
  });
  const isOverAfter = async (milliseconds: number): Promise<boolean> => {
    for (let passed = 0; passed < milliseconds; passed += 50) clock.advance(50);
    await new Promise(setImmediate);
    return isOver;
  };
  return { streams, stop, over, isOverAfter };
}

t.test('row 46: a bundle has come everywhere when every stream has answered', async (t) => {
  const { streams, over, isOverAfter } = wait(t);
  t.notOk(await isOverAfter(1000));
  streams.areSettled = true;
  t.ok(await isOverAfter(50));
  await over;
});

t.test('row 46: who never answers keeps nobody waiting after the time is up, and an end ends the wait', async (t) => {
  const silent = wait(t);
  t.notOk(await silent.isOverAfter(4950));
  t.ok(await silent.isOverAfter(50));
  const ended = wait(t);
  ended.stop.cancel();
  await ended.over;
});

t.test('row 46: a server is settled when nothing is on its way, waits or was not answered', async (t) => {
  const { source, sds, connect } = await serveSds(t);
  t.ok(sds.isSettled(), 'nobody is there');
  source.set({ ROOTCA: 'one' });
  const client = connect();
  client.request({ names: ['ROOTCA'] });
  const first = await client.expectResponse();
  t.notOk(sds.isSettled(), 'not answered');
  client.ack(first);
  await client.expectSilence();
  t.ok(sds.isSettled());
  source.set({ ROOTCA: 'two' });
  t.notOk(sds.isSettled(), 'waits for its turn');
  client.nack(await client.expectResponse(), 'no');
  await client.expectSilence();
  t.ok(sds.isSettled(), 'refused is an answer');
});
