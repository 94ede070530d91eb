import type { IncomingMessage } from 'node:http';
import { IdentityError } from '../../errors/index.js';
import type { TimerClock } from '../../timers/index.js';
import { type ApiCall, apiError, apiStatusOf, callText, readApiStatus } from './api-failure.js';
import { isJsonObject, type KubernetesObject, type Resource, readObject, unfit } from './resource.js';

export type WatchEvent<T> =
  | {
      readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
      /** As it is now; as it was, when it is deleted. */
      readonly object: T;
      /** Of the state after it: where another watch goes on. */
      readonly resourceVersion: string;
    }
  /** Nothing has changed up to here. */
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string };

export interface WatchReader<T extends KubernetesObject> {
  readonly resource: Resource<T>;
  readonly call: ApiCall;
  readonly onEvent: (event: WatchEvent<T>) => void;
  /** Nothing for so long, and the watch is taken for dead. */
  readonly idleMs: number;
  readonly clock: TimerClock;
  readonly maxLineBytes: number;
  readonly maxErrorBytes: number;
}

const LINE_END = 0x0a;

/**
 * Reads the answer to a watch: one JSON object a line. Resolves at its end. (Kubernetes API, "Efficient detection of
 * changes")
 * @throws IdentityError the codes of {@link ApiClient}: the server refuses, or says that the version has expired; the
 *   stream is none of events; nothing has come for too long.
 */
export async function readWatch<T extends KubernetesObject>(
  head: IncomingMessage,
  reader: WatchReader<T>,
): Promise<void> {
  const { call, clock, idleMs, maxErrorBytes, maxLineBytes } = reader;
  const status = head.statusCode ?? 0;
  if (status !== 200) throw apiError(call, readApiStatus(status, await readStart(head, maxErrorBytes)), undefined);
  let stop = (): void => {};
  const rearm = (): void => {
    stop();
    stop = clock.after(idleMs, () => head.destroy(silent(call, idleMs)));
  };
  const lines = new Lines(call, maxLineBytes, (line) => reader.onEvent(readEvent(line, reader)));
  try {
    rearm();
    for await (const chunk of head as AsyncIterable<Buffer>) {
      rearm();
      lines.push(chunk);
    }
  } finally {
    stop();
  }
}

function silent(call: ApiCall, idleMs: number): IdentityError {
  const message = `${callText(call)}: nothing came for ${idleMs} ms, not even a bookmark`;
  return new IdentityError('ERR_KUBERNETES_UNAVAILABLE', message);
}

function readEvent<T extends KubernetesObject>(line: Buffer, { resource, call }: WatchReader<T>): WatchEvent<T> {
  const event = parsed(line);
  if (!isJsonObject(event) || !isJsonObject(event.object)) {
    throw unfit(callText(call), `a line of ${line.length} bytes that is no event`, 'type and object');
  }
  const { type, object } = event;
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED': {
      const read = readObject(resource, object);
      return { type, object: read, resourceVersion: read.metadata.resourceVersion };
    }
    case 'BOOKMARK': {
      // Of an object without name: only its version counts.
      const { metadata } = object;
      if (!isJsonObject(metadata) || typeof metadata.resourceVersion !== 'string') {
        throw unfit(callText(call), 'a bookmark without version', 'metadata.resourceVersion');
      }
      return { type, resourceVersion: metadata.resourceVersion };
    }
    case 'ERROR':
      throw apiError(call, apiStatusOf(object, 500), undefined);
    default:
      // One of a later API; what it tells is unknown, and must not be passed over.
      throw unfit(callText(call), 'an event of an unknown type', 'ADDED, MODIFIED, DELETED, BOOKMARK or ERROR');
  }
}

function parsed(line: Buffer): unknown {
  try {
    return JSON.parse(line.toString('utf8'));
  } catch {
    return undefined;
  }
}

async function readStart(head: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of head as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > maxBytes) break;
  }
  return Buffer.concat(chunks);
}

/** Cuts a stream of bytes into lines of bounded length. */
class Lines {
  private readonly parts: Buffer[] = [];
  private length = 0;

  constructor(
    private readonly call: ApiCall,
    private readonly maxBytes: number,
    private readonly onLine: (line: Buffer) => void,
  ) {}

  push(chunk: Buffer): void {
    let rest = chunk;
    for (let end = rest.indexOf(LINE_END); end >= 0; end = rest.indexOf(LINE_END)) {
      this.add(rest.subarray(0, end));
      const line = this.parts.length === 1 ? (this.parts[0] as Buffer) : Buffer.concat(this.parts);
      this.parts.length = 0;
      this.length = 0;
      if (line.length > 0) this.onLine(line);
      rest = rest.subarray(end + 1);
    }
    if (rest.length > 0) this.add(rest);
  }

  private add(part: Buffer): void {
    this.length += part.length;
    if (this.length > this.maxBytes)
      throw unfit(callText(this.call), `an event of more than ${this.maxBytes} bytes`, 'no more');
    this.parts.push(part);
  }
}
