import { ConnectionError, Http2ErrorCode, StreamError } from '../framing/errors.js';
import type { FloodGuard } from '../framing/flood-guard.js';
import type { HeaderBlock } from '../framing/header-blocks.js';
import type { HeaderField } from '../framing/header-table.js';
import type { InboundHalf } from '../framing/inbound-half.js';
import type { PeerSettings } from '../framing/peer-settings.js';
import type { ClientOwner } from './client-owner.js';
import type { ClientSender } from './client-sender.js';
import type { ClientStream } from './client-stream.js';
import type { ClientStreams } from './client-streams.js';

export interface ClientHalfParts {
  readonly streams: ClientStreams;
  readonly sender: ClientSender;
  readonly guard: FloodGuard;
  readonly owner: ClientOwner;
}

/** What frames mean to a client, and not to a server: it begins the streams itself, and reads all that comes. */
export class ClientHalf implements InboundHalf<ClientStream> {
  readonly isPeerServer = true;
  /** All that has come is read: a client has a connection or two, and one that loads a server has no other peers. */
  readonly isTurnOver = false;
  private hasSettings = false;

  constructor(private readonly parts: ClientHalfParts) {}

  isForNextTurn(): boolean {
    return false;
  }

  expectHeaders(streamId: number): void {
    if (this.parts.streams.hasBegun(streamId)) return;
    throw new ConnectionError(Http2ErrorCode.protocolError, 'got a frame for a stream that never began');
  }

  takeHeaders(block: HeaderBlock, fields: readonly HeaderField[] | undefined): void {
    const stream = this.parts.streams.get(block.streamId);
    if (stream === undefined) this.parts.guard.charge();
    else this.parts.streams.takeHeaders(stream, block, fields);
  }

  expectContent({ id, hasHead }: ClientStream): void {
    if (!hasHead) throw new StreamError(id, Http2ErrorCode.protocolError, 'got DATA before the head of a response');
  }

  /** We may have ended the stream, and the peer not know yet. */
  takeLateContent(): void {
    this.parts.guard.charge();
  }

  /** It says nothing to a client. (RFC 9113 §5.3.2) */
  takePriority(): void {}

  takeSettings({ initialWindowBytes, maxConcurrentStreams }: PeerSettings): number {
    const { streams, sender } = this.parts;
    const lookedAt = initialWindowBytes === undefined ? 0 : sender.resize(initialWindowBytes, streams.all());
    // A server that names no limit at first has none.
    if (maxConcurrentStreams !== undefined) streams.allow(maxConcurrentStreams);
    else if (!this.hasSettings) streams.allow(Number.POSITIVE_INFINITY);
    this.hasSettings = true;
    return lookedAt;
  }

  takePong(): void {
    this.parts.owner.pong();
  }

  takeGoAway(lastId: number, code: number, text: Buffer): void {
    this.parts.owner.goneAway(code, text.toString('latin1'));
    this.parts.streams.goAway(lastId);
  }
}
