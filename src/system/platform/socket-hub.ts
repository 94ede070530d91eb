import { type Addon, loadAddon } from '../addon/index.js';
import { SendBatch } from './send-batch.js';

/** What a {@link SocketHub} tells. A slot is the number of a socket, and used again after its `close`. */
export interface SocketHubEvents {
  accepted(slot: number, peer: { readonly uid: number; readonly gid: number; readonly pid: number }): void;
  /** In the arena, from `start` to `end`: until this returns. */
  received(slot: number, start: number, end: number): void;
  /** The peer has ended, or `errno` has. Nothing more comes of it; it is still to be closed. */
  ended(slot: number, errno: number): void;
  /** What was asked for by `awaitWritable`. */
  writable(slot: number): void;
  /** Nothing is accepted any more until `resumeAccepting`. */
  acceptFailed(errno: number): void;
}

/**
 * Unix sockets by the thousand, without an object of Node.js for each: one poll for all of them, one memory for all
 * that is read, one call of the addon for all that a turn sends. Turns of the event loop are bounded, however many
 * peers connect at once.
 */
export interface SocketHub
  extends Pick<
    InstanceType<Addon['SocketHub']>,
    | 'listen'
    | 'stopListening'
    | 'resumeAccepting'
    | 'connect'
    | 'send'
    | 'awaitWritable'
    | 'setReading'
    | 'finish'
    | 'closeSocket'
    | 'close'
  > {
  /** Where `received` bytes lie. */
  readonly arena: Buffer;
  /** What is sent at the end of the turn. */
  readonly batch: SendBatch;
}

export type SocketHubAnswer =
  | { readonly kind: 'open'; readonly hub: SocketHub }
  | { readonly kind: 'unavailable'; readonly reason: string };

/** What is read in a turn of the event loop: with frames of 16 kB about a millisecond of work. */
const ARENA_BYTES = 512 * 1024;

/** Collected at once at most: the addon takes fewer after turns that were long. As many are polled at once. */
const MAX_EVENTS = 256;

/** Of an event in the addon's memory: kind, slot, and three numbers. */
const EVENT_FIELDS = 5;

/** The kinds of `native/socket_hub.h`. */
const Kind = { accepted: 1, received: 2, ended: 3, writable: 4, acceptFailed: 5 } as const;

/** For which peers keep the event loop at a time; what else they have sent waits for the next turn. */
const TURN_MS = 2;

/**
 * Opens a hub; `unavailable` without the addon and on other systems than Linux. What a message of its batch begins with
 * is written into `scratch`.
 */
export function openSocketHub(scratch: Buffer, events: SocketHubEvents): SocketHubAnswer {
  const load = loadAddon();
  if (load.kind === 'absent') return { kind: 'unavailable', reason: load.reason };
  const arena = Buffer.allocUnsafeSlow(ARENA_BYTES);
  const happened = new Int32Array(MAX_EVENTS * EVENT_FIELDS);
  try {
    const batch = new SendBatch(scratch, (count, shared) => hub.sendAll(count, shared));
    const onEvents = (count: number): boolean => tellSome(0, count);
    const hub = new load.addon.SocketHub(arena, happened, batch.bytes, batch.messages, onEvents);
    /** Tells as many as there is time for; true when there are more, which then follow. */
    const tellSome = (from: number, count: number): boolean => {
      const endMs = performance.now() + TURN_MS;
      let index = from;
      do {
        tell(events, happened, index);
        index += 1;
      } while (index < count && performance.now() < endMs);
      const isLeft = index < count;
      if (isLeft) setImmediate(tellSome, index, count);
      else if (from > 0) hub.resume();
      return isLeft;
    };
    return { kind: 'open', hub: Object.assign(hub, { arena, batch }) };
  } catch (error) {
    return { kind: 'unavailable', reason: String(Object(error).message) };
  }
}

function tell(events: SocketHubEvents, happened: Int32Array, index: number): void {
  const at = index * EVENT_FIELDS;
  const slot = happened[at + 1] ?? 0;
  const first = happened[at + 2] ?? 0;
  const second = happened[at + 3] ?? 0;
  switch (happened[at]) {
    case Kind.accepted:
      events.accepted(slot, { uid: first >>> 0, gid: second >>> 0, pid: happened[at + 4] ?? 0 });
      break;
    case Kind.received:
      events.received(slot, first, first + second);
      break;
    case Kind.ended:
      events.ended(slot, first);
      break;
    case Kind.writable:
      events.writable(slot);
      break;
    case Kind.acceptFailed:
      events.acceptFailed(first);
      break;
  }
}
