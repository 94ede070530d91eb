import { ConnectionError, Http2ErrorCode, StreamError } from '../framing/errors.js';
import type { FloodGuard } from '../framing/flood-guard.js';
import type { HeaderBlock } from '../framing/header-blocks.js';
import type { HeaderField } from '../framing/header-table.js';
import type { InboundHalf } from '../framing/inbound-half.js';
import type { PeerSettings } from '../framing/peer-settings.js';
import type { Sender } from './sender.js';
import type { ServerStream } from './server-stream.js';
import type { ServerStreams } from './server-streams.js';

/**
 * Longer than the block of a request with the token of a pod, of 1 to 2 kB. In Huffman code so much takes a millisecond
 * while the code is cold.
 */
const LONG_BLOCK_BYTES = 4096;

/** What frames mean to a server, and not to a client: the peer begins the streams, and is read in turns. */
export class ServerHalf implements InboundHalf<ServerStream> {
  readonly isPeerServer = false;

  constructor(
    private readonly streams: ServerStreams,
    private readonly sender: Sender,
    private readonly guard: FloodGuard,
  ) {}

  get isTurnOver(): boolean {
    return this.guard.isTurnOver;
  }

  /**
   * A long header block is decoded in a turn that the connection has waited for: the first turns of all who send at
   * once are had before anything else, and a block, which is decoded in one go, may take longer than such a turn.
   */
  isForNextTurn(blockBytes: number): boolean {
    return blockBytes >= LONG_BLOCK_BYTES && this.guard.isFirstTurn;
  }

  expectHeaders(streamId: number): void {
    if (streamId % 2 === 0)
      throw new ConnectionError(Http2ErrorCode.protocolError, 'got a stream that no client may begin');
  }

  takeHeaders(block: HeaderBlock, fields: readonly HeaderField[] | undefined): void {
    const { streams } = this;
    const { streamId } = block;
    if (block.dependsOn === streamId) streams.refuse(streamId);
    const stream = streams.get(streamId);
    if (stream !== undefined) streams.takeTrailers(stream, block, fields);
    else if (streamId > streams.lastId) streams.begin(block, fields);
    else this.takeLateHeaders(streamId);
  }

  expectContent({ id, isRemoteClosed }: ServerStream): void {
    if (isRemoteClosed) throw new StreamError(id, Http2ErrorCode.streamClosed, 'got DATA after END_STREAM');
  }

  takeLateContent(streamId: number): void {
    this.guard.charge();
    if (this.streams.whoClosed(streamId) === 'us') return;
    throw new StreamError(streamId, Http2ErrorCode.streamClosed, 'got DATA for a stream that is closed');
  }

  /** (RFC 7540 §5.3.1; RFC 9113 has no priorities any more, and judges still ask for it) */
  takePriority(streamId: number, dependsOn: number): void {
    if (dependsOn === streamId)
      throw new StreamError(streamId, Http2ErrorCode.protocolError, 'got a stream that depends on itself');
  }

  takeSettings(settings: PeerSettings): number {
    return this.sender.apply(settings, this.streams.all());
  }

  /** We send no PINGs. */
  takePong(): void {}

  /** Streams that have begun go on. (RFC 9113 §6.8) */
  takeGoAway(): void {}

  private takeLateHeaders(streamId: number): void {
    switch (this.streams.whoClosed(streamId)) {
      case 'us':
        this.guard.charge();
        return;
      case 'peer':
        throw new ConnectionError(Http2ErrorCode.streamClosed, 'got HEADERS for a stream that is closed');
      case undefined:
        throw new ConnectionError(Http2ErrorCode.protocolError, 'got HEADERS for a lower stream than the last');
    }
  }
}
