/** A client's connection, as its parts see it. */
export interface ClientOwner {
  /** The answer to a PING has come. */
  pong(): void;
  /** The peer lets no further stream begin. */
  goneAway(code: number, text: string): void;
  /** No further stream begins, and the last that was open has ended. */
  lastEnded(): void;
}
