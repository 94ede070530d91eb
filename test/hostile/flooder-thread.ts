// A thread of flooders: their garbage, and what they take of the time, are none of the server's.
import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { parentPort } from 'node:worker_threads';
import { callHeaders } from '../support/raw-frames.js';
import { RawPeer } from '../support/raw-peer.js';
import { FLOODS, writesOf } from './flood-steps.js';
import type { FloodJob, FloodNews } from './flooders.js';

/** At once, each on a connection of its own. */
const FLOODERS = 3;

const port = parentPort;
if (port === null) throw new Error('this is a thread');
const say = (news: FloodNews): void => port.postMessage(news);

/** Writes as fast as it is read. */
async function flood(peer: RawPeer, writes: readonly Buffer[]): Promise<void> {
  for (const write of writes) {
    if (peer.isClosed) return;
    if (peer.socket.write(write)) await nextTurn();
    else await Promise.race([once(peer.socket, 'drain'), peer.ended()]);
    // What comes back is of no interest, but for the last of it.
    peer.frames.splice(0, peer.frames.length - 100);
  }
}

async function run({ flood: at, method, target }: FloodJob, endings: (() => void)[]): Promise<FloodNews> {
  const one = FLOODS[at];
  if (one === undefined) throw new Error(`no flood ${at}`);
  const test = { teardown: (end: () => void) => void endings.push(end) };
  const connect = (): Promise<RawPeer> =>
    'path' in target
      ? RawPeer.connect(test, target.path)
      : RawPeer.connectTls(test, { address: target.address, rootPem: Buffer.from(target.rootPem) });
  const writes = writesOf(one, method);
  const prelude = one.prelude ?? ((path: string) => callHeaders(1, path));
  const flooders = await Promise.all(Array.from({ length: FLOODERS }, connect));
  for (const flooder of flooders) flooder.send(prelude(method));
  for (const flooder of flooders) await flooder.ping();
  say({ kind: 'ready' });
  await once(port as NonNullable<typeof port>, 'message');
  await Promise.all(flooders.map((flooder) => flood(flooder, writes)));
  if (one.isWork) for (const flooder of flooders) await flooder.ping();
  const codes = one.isWork ? [] : await Promise.all(flooders.map((flooder) => flooder.ended()));
  return { kind: 'over', codes };
}

for (;;) {
  const [job] = (await once(port, 'message')) as [FloodJob];
  const endings: (() => void)[] = [];
  say(await run(job, endings));
  for (const end of endings) end();
}
