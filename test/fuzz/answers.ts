import { Frame } from '../../src/net/http2/index.js';
import { hostileAnswers } from '../hostile/answers.js';
import { below, type Random } from '../hostile/conversations.js';
import { Asked, MemoryClient } from '../net/http2/asked.js';
import type { Fault, FuzzTarget } from './target.js';

const STREAMS = 5;

/** How often each end was met. */
interface Ends {
  answers: number;
  failures: number;
  ends: number;
  leaves: number;
}

/** What is wrong of how a request was told; `undefined` when nothing. */
function faultOf({ told, blocks }: Asked): Fault {
  const closedAt = told.findIndex((text) => text.startsWith('closed'));
  if (closedAt >= 0 && closedAt < told.length - 1) return `it was told ${told.join(', ')}`;
  if (told.filter((text) => text.startsWith('head')).length > 1) return 'it was told two heads';
  if (blocks > 2) return 'it was sent more than twice';
  return undefined;
}

/** One client whose server says what it must not; gives what of it is wrong. */
async function play(random: Random, met: Ends): Promise<Fault> {
  const client = new MemoryClient();
  client.connection.open();
  const all = Array.from({ length: STREAMS }, () => new Asked('content of a request'));
  const streams = all.map((one) => client.connection.request(one));
  const bytes = hostileAnswers(random, STREAMS);
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + below(random, random() < 0.2 ? 20 : bytes.length);
    client.feed(bytes.subarray(at, end));
    at = end;
    const stream = streams[below(random, 20)];
    if (stream !== undefined) client.connection.cancel(stream);
  }
  const hasEnded = client.ends.length > 0;
  if (client.ends.length > 1) return `it has ended ${client.ends.length} times`;
  if (hasEnded && client.connection.isUsable) return 'it has ended and is usable';
  if (client.ends.some((reason) => /error/i.test(reason))) return `something of ours threw: ${client.ends.join()}`;
  for (const reason of client.ends) met[reason === '' ? 'leaves' : 'ends'] += 1;
  for (const end of all.flatMap(({ told }) => told.slice(-1))) {
    if (end.startsWith('closed')) met[end === 'closed 0' ? 'answers' : 'failures'] += 1;
  }
  client.connection.close();
  const frames = await client.takeFrames();
  for (const [index, one] of all.entries()) {
    const sent = frames.filter(({ type, streamId }) => type === Frame.data && streamId === 1 + 2 * index);
    if (sent.reduce((sum, { payload }) => sum + payload.length, 0) > one.content.length) return 'too much was sent';
  }
  return all.map(faultOf).find((fault) => fault !== undefined);
}

/** What a server says to the client's half of ours, with garbage in it: each request is told once of its end. */
export const answers: FuzzTarget = {
  name: 'answers',
  maxInputMs: 50,
  maxGrownMb: 30,
  testRuns: 8_000,
  open() {
    const met: Ends = { answers: 0, failures: 0, ends: 0, leaves: 0 };
    return { met: met as Readonly<Record<keyof Ends, number>>, run: (random) => play(random, met) };
  },
};
