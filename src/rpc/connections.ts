import type { Socket } from 'node:net';

/** The open sockets of a server, and how they end. */
export class Connections {
  readonly #open = new Set<Socket>();
  #onEmpty = (): void => {};

  add(socket: Socket): void {
    this.#open.add(socket);
    socket.once('close', () => {
      this.#open.delete(socket);
      if (this.#open.size === 0) this.#onEmpty();
    });
  }

  /** Resolves when all are closed, with the number of those it had to destroy after `graceMs`. */
  async drained(graceMs: number): Promise<number> {
    let forced = 0;
    const empty = new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
    if (this.#open.size === 0) return forced;
    const timer = setTimeout(() => {
      forced = this.#open.size;
      for (const socket of this.#open) socket.destroy();
    }, graceMs);
    await empty;
    clearTimeout(timer);
    return forced;
  }
}
