/**
 * Of a message in memory shared with the addon: slot, start, bytes before and behind what is shared, which that is,
 * sent.
 */
const MESSAGE_FIELDS = 6;

/** Sent in one call at most. */
const MAX_MESSAGES = 256;

/** What they bring with them at most, shared bytes apart. */
const OWN_BYTES = 64 * 1024;

/** What is longer is copied by a call. */
const MAX_BYTEWISE = 32;

const NOTHING: Buffer = Buffer.alloc(0);

/**
 * A message that the system did not take, or not all of: the bytes are valid during the call alone, but for `shared`.
 */
export interface CutMessage {
  readonly before: Buffer;
  readonly shared: Buffer;
  readonly behind: Buffer;
  readonly onWritten: (() => void) | undefined;
}

/** Whose messages a {@link SendBatch} sends. Must not post anything within a call of it. */
export interface BatchSender {
  readonly slot: number;
  /** It keeps what was cut short: what it posts now has to be kept behind that. */
  readonly isBehind: boolean;
  /** The system took the first `sent` bytes, or has failed with an errno, which is below 0. */
  cutShort(sent: number, message: CutMessage): void;
}

/**
 * Gathers what a turn of the event loop has to send, so that all of it goes out in one call of the addon, at the end of
 * the turn. A message that goes to thousands of peers costs no call, no copy of what they share, and no object; and a
 * peer that waits is woken once for all that is for it.
 */
export class SendBatch {
  /** Memory shared with the addon. */
  readonly bytes = Buffer.allocUnsafeSlow(OWN_BYTES);
  readonly messages = new Int32Array(MAX_MESSAGES * MESSAGE_FIELDS);
  private count = 0;
  private used = 0;
  private readonly senders: (BatchSender | undefined)[] = [];
  private readonly onWritten: ((() => void) | undefined)[] = [];
  private shared: Buffer[] = [];

  /**
   * `scratch` is where the first bytes of each message are written. `sendAll` sends the first `count` of the messages
   * that lie in the memory, and writes there what became of them.
   */
  constructor(
    private readonly scratch: Buffer,
    private readonly sendAll: (count: number, shared: readonly Buffer[]) => void,
  ) {}

  /**
   * Sends the first `length` bytes of the scratch, 64 kB at most, `shared` and `tail`, at the end of this turn. The
   * scratch and `tail` may be used again at once, `shared` when `onWritten` is called: once, as a rule then.
   */
  post(sender: BatchSender, length: number, shared = NOTHING, tail = NOTHING, onWritten?: () => void): void {
    if (length + tail.length > OWN_BYTES) {
      this.post(sender, length, shared, NOTHING, onWritten);
      this.post(sender, 0, Buffer.from(tail));
      return;
    }
    if (this.count === MAX_MESSAGES || this.used + length + tail.length > OWN_BYTES) this.flush();
    if (sender.isBehind) {
      sender.cutShort(0, { before: this.scratch.subarray(0, length), shared, behind: tail, onWritten });
      return;
    }
    if (this.count === 0) process.nextTick(this.flush);
    const { bytes, messages, count, used } = this;
    const at = count * MESSAGE_FIELDS;
    messages[at] = sender.slot;
    messages[at + 1] = used;
    messages[at + 2] = length;
    messages[at + 3] = tail.length;
    messages[at + 4] = shared.length === 0 ? -1 : this.indexOf(shared);
    // As long as the addon does not say otherwise.
    messages[at + 5] = 0;
    // Nearly always the header of a frame: to copy that by the byte takes less than a call.
    if (length > MAX_BYTEWISE) bytes.set(this.scratch.subarray(0, length), used);
    else for (let index = 0; index < length; index += 1) bytes[used + index] = this.scratch[index] ?? 0;
    if (tail.length > 0) bytes.set(tail, used + length);
    this.senders[count] = sender;
    this.onWritten[count] = onWritten;
    this.used = used + length + tail.length;
    this.count = count + 1;
  }

  /** Sends all of it now: for a caller that is about to end a socket that it has posted for. */
  readonly flush = (): void => {
    const { count, messages, shared } = this;
    if (count === 0) return;
    this.sendAll(count, shared);
    for (let index = 0; index < count; index += 1) {
      const at = index * MESSAGE_FIELDS;
      const before = messages[at + 2] ?? 0;
      const behind = messages[at + 3] ?? 0;
      const sharedIndex = messages[at + 4] ?? -1;
      const sent = messages[at + 5] ?? 0;
      const whole = before + behind + (sharedIndex < 0 ? 0 : (shared[sharedIndex]?.length ?? 0));
      if (sent === whole) this.onWritten[index]?.();
      else this.tellCut(index, sent);
      this.senders[index] = undefined;
      this.onWritten[index] = undefined;
    }
    this.shared = [];
    this.count = 0;
    this.used = 0;
  };

  /** What goes to many goes to them one after the other. */
  private indexOf(shared: Buffer): number {
    if (this.shared.at(-1) !== shared) this.shared.push(shared);
    return this.shared.length - 1;
  }

  private tellCut(index: number, sent: number): void {
    const { bytes, messages } = this;
    const at = index * MESSAGE_FIELDS;
    const start = messages[at + 1] ?? 0;
    const middle = start + (messages[at + 2] ?? 0);
    this.senders[index]?.cutShort(sent, {
      before: bytes.subarray(start, middle),
      shared: this.shared[messages[at + 4] ?? -1] ?? NOTHING,
      behind: bytes.subarray(middle, middle + (messages[at + 3] ?? 0)),
      onWritten: this.onWritten[index],
    });
  }
}
