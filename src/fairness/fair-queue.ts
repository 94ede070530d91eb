/** Who waits, as far as a socket tells: the keys of a path from the coarse to the fine. */
export interface QueuePlace {
  /** User id; `undefined` where it is not known. */
  readonly uid: number | undefined;
  /** Process id; 0 for a process of another pid namespace. */
  readonly pid: number | undefined;
  readonly connection: number;
}

type Key = number | undefined;

/**
 * A queue in which users take turns, within a user processes, within a process connections; what waits on one
 * connection keeps its order. However much one of them puts in, another waits for one turn of each. (Fair queueing, RFC
 * 970)
 */
export class FairQueue<T> {
  private readonly root = new Branch<Branch<Branch<Set<T>>>>();

  push(one: T, { uid, pid, connection }: QueuePlace): void {
    const user = this.root.child(uid, () => new Branch<Branch<Set<T>>>());
    const process = user.child(pid, () => new Branch<Set<T>>());
    process.child(connection, () => new Set<T>()).add(one);
  }

  /** False when it does not wait there. */
  delete(one: T, { uid, pid, connection }: QueuePlace): boolean {
    const user = this.root.get(uid);
    const process = user?.get(pid);
    const line = process?.get(connection);
    if (user === undefined || process === undefined || line?.delete(one) !== true) return false;
    if (line.size === 0) process.delete(connection);
    if (process.size === 0) user.delete(pid);
    if (user.size === 0) this.root.delete(uid);
    return true;
  }

  /** Takes the next one out; `undefined` when the queue is empty. */
  shift(): T | undefined {
    for (const [uid, user] of this.root) {
      for (const [pid, process] of user) {
        for (const [connection, line] of process) {
          for (const one of line) {
            line.delete(one);
            process.served(connection, line.size === 0);
            user.served(pid, process.size === 0);
            this.root.served(uid, user.size === 0);
            return one;
          }
        }
      }
    }
    return undefined;
  }
}

/** Those that take turns; the first is next. None of them is empty. */
class Branch<C> extends Map<Key, C> {
  child(key: Key, create: () => C): C {
    const known = this.get(key);
    if (known !== undefined) return known;
    const made = create();
    this.set(key, made);
    return made;
  }

  /** It has had its turn: it goes behind the others, or away. */
  served(key: Key, isEmpty: boolean): void {
    // Alone it is behind all others already.
    if (!isEmpty && this.size === 1) return;
    const child = this.get(key);
    this.delete(key);
    if (child !== undefined && !isEmpty) this.set(key, child);
  }
}
