import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t from 'tap';
import { SOCKET_WAYS } from '../../support/socket-ways.js';
import { serveSds } from './serve.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** What every rotation brings; a queue of them would be 25 MB. */
const SECRET_BYTES = 50_000;
const ROTATIONS = 500;

/** What code that is still being compiled, and texts of the clients, may take. */
const SPARE_BYTES = 1_000_000;

/** All that this process holds, buffers too. */
async function heldBytes(): Promise<number> {
  // Twice, with a turn between: what the first one finds dead may have held other things.
  for (let pass = 0; pass < 2; pass += 1) {
    collectGarbage();
    await new Promise(setImmediate);
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

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
    const rotateAll = async (count: number): Promise<void> => {
      for (const end = rotations + count; rotations < end; ) {
        rotate();
        victim.ack(await victim.expectResponse());
      }
    };

    await rotateAll(ROTATIONS / 5);
    const before = await heldBytes();
    await rotateAll(ROTATIONS);
    const after = await heldBytes();
    t.comment(`${(before / 1e6).toFixed(2)} MB, ${ROTATIONS} rotations later ${(after / 1e6).toFixed(2)}`);
    t.ok(after - before < SPARE_BYTES, `${after - before} bytes`);

    clock.nowMs += 30_000;
    clock.tick();
    const [newest] = (await silent.expectResponse()).secrets;
    t.match(newest?.validationContext?.trustedCa?.inlineBytes?.toString(), new RegExp(`^${rotations} `), 'the newest');
    await silentDelta.expectResponse();
    await rotateAll(ROTATIONS);
    const later = await heldBytes();
    t.ok(later - after < SPARE_BYTES, `${later - after} bytes`);
    clock.nowMs += 30_000;
    clock.tick();
    await Promise.all([silent.ended, silentDelta.ended]);
    t.equal(sds.status().streams, 1, 'the one that answers');
  });
}
