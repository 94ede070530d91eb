import t from 'tap';
import { SOCKET_WAYS } from '../../support/socket-ways.js';
import { leakOf } from '../../support/used-memory.js';
import { serveSds } from './serve.js';

/** What every rotation brings, and how many a round has; a queue of them would be 5 MB. */
const SECRET_BYTES = 50_000;
const ROTATIONS = 100;

/** What the rotations of a round may leave behind, and rounds without a leak have a twentieth of. */
const SPARE_BYTES = 1_000_000;

for (const via of SOCKET_WAYS) {
  t.test(`row 14: via ${via}: silent clients make no heap grow, however often there is something newer`, async (t) => {
    const { source, connect, connectDelta, clock, sds } = await serveSds(t, { via });
    let rotations = 0;
    const rotate = (): void => {
      rotations += 1;
      source.set({ default: `${rotations} `.padEnd(SECRET_BYTES, 'x') });
    };
    rotate();
    const silent = connect();
    silent.request({ names: ['default'] });
    await silent.expectResponse();
    const silentDelta = connectDelta();
    silentDelta.request({ subscribe: ['default'] });
    await silentDelta.expectResponse();
    const victim = connect();
    victim.request({ names: ['default'] });
    victim.ack(await victim.expectResponse());
    const rotateAll = async (): Promise<void> => {
      for (let count = 0; count < ROTATIONS; count += 1) {
        rotate();
        victim.ack(await victim.expectResponse());
      }
    };
    const assertNoneKept = async (): Promise<void> => {
      const grown = await leakOf(rotateAll);
      t.ok(grown < SPARE_BYTES, `${grown} bytes for ${ROTATIONS} rotations`);
    };

    await assertNoneKept();

    clock.nowMs += 30_000;
    clock.tick();
    const [newest] = (await silent.expectResponse()).secrets;
    t.match(newest?.validationContext?.trustedCa?.inlineBytes?.toString(), new RegExp(`^${rotations} `), 'the newest');
    await silentDelta.expectResponse();
    await assertNoneKept();
    clock.nowMs += 30_000;
    clock.tick();
    await Promise.all([silent.ended, silentDelta.ended]);
    t.equal(sds.status().streams, 1, 'the one that answers');
  });
}
