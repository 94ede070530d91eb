import type { Socket } from 'node:net';
import { Field, type Logger, RateLimitedLogger } from '../../telemetry/index.js';

/**
 * Sockets attached in one turn of the event loop. Chosen when each made a session of nghttp2, for 50 to 150 µs; a
 * connection of ours costs less, so a turn stays well below the time in which the backlog could fill.
 */
const BATCH = 32;

/** Turns that attaching waits for a stream of new connects; then a batch goes ahead, so that none starves. */
const MAX_DEFERRED_TURNS = 8;

/**
 * Stands between accept and attach. A connect to a Unix socket whose backlog is full fails at once, so the accept
 * callback may do nothing but queue; sessions are made from the queue, in batches, while no accept is waiting.
 */
export class SocketQueue {
  private readonly attach: (socket: Socket) => void;
  private readonly log: RateLimitedLogger;
  private waiting: Socket[] = [];
  private arrivals = 0;
  private deferredTurns = 0;
  private isScheduled = false;

  constructor(attach: (socket: Socket) => void, logger: Logger) {
    this.attach = attach;
    this.log = new RateLimitedLogger(logger);
  }

  /** Takes a paused socket over. From here on its errors are heard: an unheard one would end the process. */
  push(socket: Socket): void {
    socket.on('error', ignore);
    this.waiting.push(socket);
    this.arrivals += 1;
    this.schedule();
  }

  /** Destroys what is still waiting. */
  clear(): void {
    for (const socket of this.waiting.splice(0)) socket.destroy();
  }

  private schedule(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    setImmediate(this.turn);
  }

  private readonly turn = (): void => {
    this.isScheduled = false;
    const isPouringIn = this.arrivals > 0;
    this.arrivals = 0;
    if (isPouringIn && this.deferredTurns < MAX_DEFERRED_TURNS) this.deferredTurns += 1;
    else this.attachBatch();
    if (this.waiting.length > 0) this.schedule();
  };

  private attachBatch(): void {
    this.deferredTurns = 0;
    for (const socket of this.waiting.splice(0, BATCH)) {
      try {
        this.attach(socket);
      } catch (error) {
        this.log.error('connection could not be attached', { [Field.error]: String(error) });
        socket.destroy();
      }
    }
  }
}

/** The peer went away; the later owner of the socket hears of it by `close`. */
function ignore(): void {}
