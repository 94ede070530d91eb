import { performServerHandshake, type ServerHttp2Stream } from 'node:http2';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  encodeHeaderBlock,
  Frame,
  Outbox,
  ReadQueue,
  ServerConnection,
  serverOpening,
} from '../../../src/net/http2/index.js';
import { MemoryWire } from '../../support/memory-wire.js';
import { callHeaders, opening, ping, reset } from '../../support/raw-frames.js';
import { MemoryDuplex } from './memory-duplex.js';
import { LAST_PING, type Outcome, outcomeOf } from './verdict.js';

/** What our server announces, for the other one to announce the same. */
const MAX_STREAMS = 100;
const WINDOW_BYTES = 256 * 1024;
const MAX_LIST_BYTES = 64 * 1024;

const OK = encodeHeaderBlock([[':status', '200']]);

/** Requests for it are answered at once; all others when they have ended, and `/hold` never. */
const ANSWERED = '/answered';
const HELD = '/hold';

/** The streams of every conversation, by the state that they are in when the step comes. (RFC 9113 §5.1) */
export const SERVER_STREAMS = {
  connection: 0,
  open: 1,
  'half-closed (remote)': 3,
  'reset by the peer': 5,
  'ended by both': 7,
  'reset by us': 9,
  idle: 23,
  'idle and below the last': 15,
  'of the server': 2,
} as const;

const PRELUDE = Buffer.concat([
  opening(),
  callHeaders(1, '/open'),
  end(callHeaders(3, HELD)),
  callHeaders(5, '/open'),
  reset(5),
  end(callHeaders(7, ANSWERED)),
  // Malformed: a name in capitals.
  callHeaders(9, '/open', [['Bad', '']]),
  callHeaders(21, '/open'),
]);

/** HEADERS that end their stream, too. */
function end(headers: Buffer): Buffer {
  headers[4] = (headers[4] ?? 0) | 1;
  return headers;
}

const hasAnswers = (frames: readonly { type: number; streamId: number }[]) =>
  frames.some(({ type, streamId }) => type === Frame.headers && streamId === 7) &&
  frames.some(({ type, streamId }) => type === Frame.resetStream && streamId === 9);

const outbox = new Outbox();

export async function playOurServer(step: Buffer): Promise<Outcome> {
  const wire = new MemoryWire(outbox);
  const served: string[] = [];
  const bugs: unknown[] = [];
  new ServerConnection(wire, 1, {
    opening: serverOpening(MAX_STREAMS),
    maxConcurrentStreams: MAX_STREAMS,
    // A clock that stands: what is read in one turn does not depend on how fast this machine is.
    readQueue: new ReadQueue({ now: () => 0 }),
    onRequest(stream, { path }) {
      served.push(String(stream.id));
      const answer = (): void => {
        if (path !== HELD) stream.respond(OK);
      };
      stream.events = { data: () => {}, ended: answer, closed: () => {} };
    },
    onClosed: () => {},
    onBug: (error) => bugs.push(error),
    now: () => 0,
  });
  wire.feed(PRELUDE);
  if (!hasAnswers(wire.takeFrames())) throw new Error('our server does not take the prelude');
  wire.feed(step, ping(LAST_PING));
  // What is more than a turn's work goes on in later turns.
  while (wire.isPaused) await nextTurn();
  const outcome = outcomeOf(wire.takeFrames(), { isEnded: wire.isEnded || wire.isDestroyed, served: served.join() });
  wire.hangUp();
  if (bugs.length > 0) throw new Error(`a bug: ${String(bugs[0])}`);
  return outcome;
}

export async function playNghttp2Server(step: Buffer): Promise<Outcome> {
  const duplex = new MemoryDuplex();
  const session = performServerHandshake(duplex, {
    settings: {
      ...{ headerTableSize: 512, maxConcurrentStreams: MAX_STREAMS },
      ...{ initialWindowSize: WINDOW_BYTES, maxHeaderListSize: MAX_LIST_BYTES },
    },
    maxHeaderListPairs: MAX_LIST_BYTES / 32,
    maxSendHeaderBlockLength: MAX_LIST_BYTES,
  });
  session.setLocalWindowSize(WINDOW_BYTES);
  const served: string[] = [];
  session.on('error', () => {});
  session.on('stream', (stream: ServerHttp2Stream, headers) => {
    served.push(String(stream.id));
    stream.on('error', () => {});
    stream.on('end', () => {
      if (headers[':path'] !== HELD && !stream.destroyed && !stream.closed)
        stream.respond({ ':status': 200 }, { endStream: true });
    });
    stream.resume();
  });
  duplex.feed(PRELUDE);
  if (!hasAnswers(await duplex.frames(hasAnswers))) throw new Error('nghttp2 does not take the prelude');
  duplex.feed(Buffer.concat([step, ping(LAST_PING)]));
  const frames = await duplex.frames();
  const outcome = outcomeOf(frames, { isEnded: duplex.isOver, served: served.join() });
  session.destroy();
  duplex.destroy();
  return outcome;
}
