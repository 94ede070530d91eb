/** What was done with a certificate, as it can be looked up. */
export interface InventoryEntry {
  readonly event: 'issued' | 'revoked';
  /** Hex in small letters, without zeros in front. */
  readonly serial: string;
  readonly spiffeId: string;
  /** Epoch milliseconds, as the others. */
  readonly atMs: number;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** The record of the trail, as it stands there: one object of JSON. */
  readonly record: string;
}

/** What is looked for; what is left out bounds nothing. */
export interface InventoryQuery {
  readonly event?: InventoryEntry['event'] | undefined;
  readonly serial?: string | undefined;
  /** SPIFFE IDs that begin with one of these. */
  readonly prefixes?: readonly string[];
  readonly sinceMs?: number | undefined;
  /** Before this time. */
  readonly untilMs?: number | undefined;
  readonly validAtMs?: number | undefined;
}

/** How far a trail has been read into an inventory. */
export interface ReadPosition {
  /** Names the trail among those of other replicas. */
  readonly source: string;
  /** The number of the last record that was read. */
  readonly n: number;
}

/** Where the certificates of all Citadels of one root can be looked up. It holds what their trails say, and no key. */
export interface InventoryStore {
  /** 0: nothing of this trail was read. */
  position(source: string): Promise<number>;
  /** All of them and the position, or nothing. What is there of an event of a certificate stays as it is. */
  add(entries: readonly InventoryEntry[], position: ReadPosition): Promise<void>;
  /** The records, oldest first. */
  find(query: InventoryQuery): AsyncIterable<string>;
  /** Takes away what ended before, and says how many that were. */
  removeEndedBefore(atMs: number): Promise<number>;
  close(): Promise<void>;
}
