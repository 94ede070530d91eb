import { FRAME_PREFIX_BYTES, type FramedCall, writeFramePrefix } from './framed-call.js';
import type { FramedServer } from './framed-server.js';
import { type StatusText, toStatusObject } from './status.js';
import { status } from './status-code.js';

/** Who makes a unary call. */
export type UnaryCaller = Pick<FramedCall, 'authorization' | 'connection'> & {
  /** Aborts when the call is over before it is answered. */
  readonly signal: AbortSignal;
};

/** What a call is answered with: a message behind the room for its frame, or a status that is not OK. */
export type UnaryAnswer =
  | { readonly frame: Buffer /** The memory is no longer needed. */; readonly onWritten?: () => void }
  | StatusText;

/**
 * Adds a method that takes one message and gives one. What `answer` throws or rejects with ends the call with its status;
 * further messages of the peer are thrown away.
 */
export function addUnaryMethod(
  server: Pick<FramedServer, 'addMethod'>,
  path: string,
  answer: (request: Buffer, caller: UnaryCaller) => UnaryAnswer | Promise<UnaryAnswer>,
): void {
  server.addMethod(path, (call) => {
    const parts: Buffer[] = [];
    const gone = new AbortController();
    let isAsked = false;
    let heldBytes = 0;
    call.listen({
      part(bytes, isLast) {
        if (isAsked) return;
        parts.push(Buffer.from(bytes));
        heldBytes += bytes.length;
        call.holds(isLast ? 0 : heldBytes);
        if (!isLast) return;
        isAsked = true;
        const { authorization, connection } = call;
        const request = Buffer.concat(parts);
        void give(call, async () => answer(request, { authorization, connection, signal: gone.signal }));
      },
      halfClosed() {
        if (!isAsked) call.end({ code: status.INVALID_ARGUMENT, details: 'got no message, expected one' });
      },
      gone: () => gone.abort(),
    });
  });
}

/** `message` in a frame. */
export function framed(message: Uint8Array): UnaryAnswer & { frame: Buffer } {
  const frame = Buffer.alloc(FRAME_PREFIX_BYTES + message.length);
  writeFramePrefix(frame, message.length);
  frame.set(message, FRAME_PREFIX_BYTES);
  return { frame };
}

const NOTHING = Buffer.alloc(0);

async function give(call: FramedCall, answer: () => Promise<UnaryAnswer>): Promise<void> {
  try {
    const given = await answer();
    if ('code' in given) {
      call.end(given);
      return;
    }
    call.send(given.frame, NOTHING, given.onWritten);
    call.end();
  } catch (error) {
    call.end(toStatusObject(error));
  }
}
