export type SqlValue = string | number;

export type SqlRow = Readonly<Record<string, unknown>>;

/** What SQLite and PostgreSQL have in common. Values stand as `$1`, `$2`, … in a statement. */
export interface SqlDatabase {
  /** How a text column is declared that is ordered by its octets. */
  readonly orderedText: string;
  all(statement: string, values?: readonly SqlValue[]): Promise<readonly SqlRow[]>;
  /** Says how many rows it has changed. */
  run(statement: string, values?: readonly SqlValue[]): Promise<number>;
  /** What `work` runs takes effect as a whole, or not at all. */
  transaction(work: () => Promise<void>): Promise<void>;
  /** One process at a time may make tables: waits for it. Inside a transaction. */
  lockSchema(): Promise<void>;
  close(): Promise<void>;
}
