import type { ServerConnection } from '../../http2/index.js';

/** What a peer does not do: say who it is, end what it has begun, read what it is sent. */
export type Idleness = 'silent' | 'unfinished' | 'unread';

/** So long each may last. */
const LIMIT_MS: Record<Idleness, number> = {
  /** A peer that connects says what it wants at once. */
  silent: 10_000,
  /** A frame of 16 kB, or a header block, takes a peer no time at all. */
  unfinished: 30_000,
  /** A peer that has not read a byte of what waits for it for so long never will; Envoy has given up long before. */
  unread: 60_000,
};

/** Above this, in all, those who read nothing are not waited for. */
const MAX_UNREAD_BYTES = 128 * 1024 * 1024;

/** What was wrong with a connection, and how far it had come, when that was seen first. */
interface Seen {
  readonly idleness: Idleness;
  readonly progress: number;
  readonly sinceMs: number;
}

/** What the watch looks at. */
export type WatchedConnection = Pick<ServerConnection, 'isGreeted' | 'unfinished'> & {
  readonly wire: { readonly backlogBytes: number };
};

/**
 * Finds connections that are kept open for nothing. It is asked now and then, and remembers only those that something
 * is wrong with: a good connection costs neither a timer nor memory.
 */
export class ConnectionWatch<C extends WatchedConnection> {
  private seen = new Map<C, Seen>();

  /** Calls `end` for each whose time is over. */
  check(connections: Iterable<C>, nowMs: number, end: (connection: C, idleness: Idleness) => void): void {
    const seen = new Map<C, Seen>();
    let unreadBytes = 0;
    for (const connection of connections) {
      unreadBytes += connection.wire.backlogBytes;
      const idleness = idlenessOf(connection);
      if (idleness !== undefined) seen.set(connection, this.look(connection, idleness, nowMs));
    }
    this.seen = seen;
    for (const [connection, { idleness, sinceMs }] of seen) {
      const limitMs = idleness === 'unread' && unreadBytes > MAX_UNREAD_BYTES ? 1 : LIMIT_MS[idleness];
      if (nowMs - sinceMs >= limitMs) end(connection, idleness);
    }
  }

  forget(connection: C): void {
    this.seen.delete(connection);
  }

  private look(connection: C, idleness: Idleness, nowMs: number): Seen {
    const before = this.seen.get(connection);
    const progress = idleness === 'unread' ? connection.wire.backlogBytes : connection.unfinished;
    if (before === undefined || before.idleness !== idleness) return { idleness, progress, sinceMs: nowMs };
    const hasMoved = idleness === 'unread' ? progress < before.progress : progress !== before.progress;
    return hasMoved ? { idleness, progress, sinceMs: nowMs } : { ...before, progress };
  }
}

function idlenessOf(connection: WatchedConnection): Idleness | undefined {
  if (!connection.isGreeted) return 'silent';
  if (connection.wire.backlogBytes > 0) return 'unread';
  return connection.unfinished === 0 ? undefined : 'unfinished';
}
