import type { InventoryEntry, InventoryQuery, InventoryStore, ReadPosition } from './inventory-store.js';
import type { SqlDatabase, SqlValue } from './sql-database.js';

/** Rows of one INSERT, of seven values each: SQLite takes 32 766 values, PostgreSQL 65 535. */
const ROWS_AT_ONCE = 500;

/** Rows of one page of a search: a few hundred kilobytes. */
const PAGE_ROWS = 1000;

/** An inventory in two tables of a database. */
export class SqlStore implements InventoryStore {
  private constructor(private readonly database: SqlDatabase) {}

  /** Makes the tables where they are missing; where they are there it needs no right to. */
  static async open(database: SqlDatabase): Promise<SqlStore> {
    if (!(await hasTables(database))) await makeTables(database);
    return new SqlStore(database);
  }

  /** Of tables that are there: one who only reads may make none. */
  static openToRead(database: SqlDatabase): SqlStore {
    return new SqlStore(database);
  }

  async position(source: string): Promise<number> {
    const [row] = await this.database.all('SELECT n FROM sidecert_trail_position WHERE source = $1', [source]);
    return Number(row?.n ?? 0);
  }

  async add(entries: readonly InventoryEntry[], { source, n }: ReadPosition): Promise<void> {
    await this.database.transaction(async () => {
      for (let at = 0; at < entries.length; at += ROWS_AT_ONCE) await this.insert(entries.slice(at, at + ROWS_AT_ONCE));
      await this.database.run(
        'INSERT INTO sidecert_trail_position (source, n) VALUES ($1, $2) ON CONFLICT (source) DO UPDATE SET n = excluded.n',
        [source, n],
      );
    });
  }

  async *find(query: InventoryQuery): AsyncGenerator<string> {
    let page: readonly Readonly<Record<string, unknown>>[];
    let last: RowKey | undefined;
    do {
      const { where, values } = conditions(query, last);
      page = await this.database.all(
        `SELECT recorded_at, serial, event, record FROM sidecert_certificate ${where} ` +
          `ORDER BY recorded_at, serial, event LIMIT ${PAGE_ROWS}`,
        values,
      );
      for (const { record } of page) yield String(record);
      const end = page.at(-1);
      if (end !== undefined) last = [Number(end.recorded_at), String(end.serial), String(end.event)];
    } while (page.length === PAGE_ROWS);
  }

  removeEndedBefore(atMs: number): Promise<number> {
    return this.database.run('DELETE FROM sidecert_certificate WHERE not_after < $1', [atMs]);
  }

  close(): Promise<void> {
    return this.database.close();
  }

  private async insert(entries: readonly InventoryEntry[]): Promise<void> {
    const values = new Values();
    const rows = entries.map(({ serial, event, spiffeId, atMs, notBeforeMs, notAfterMs, record }) => {
      const row = [serial, event, spiffeId, atMs, notBeforeMs, notAfterMs, record];
      return `(${row.map((value) => values.add(value)).join(', ')})`;
    });
    await this.database.run(
      'INSERT INTO sidecert_certificate (serial, event, spiffe_id, recorded_at, not_before, not_after, record) ' +
        `VALUES ${rows.join(', ')} ON CONFLICT (serial, event) DO NOTHING`,
      values.all,
    );
  }
}

async function hasTables(database: SqlDatabase): Promise<boolean> {
  try {
    for (const table of ['sidecert_certificate', 'sidecert_trail_position']) {
      await database.all(`SELECT 1 FROM ${table} LIMIT 1`);
    }
    return true;
  } catch {
    // What is wrong with it, else, is told by the next statement.
    return false;
  }
}

async function makeTables(database: SqlDatabase): Promise<void> {
  const text = database.orderedText;
  await database.transaction(async () => {
    await database.lockSchema();
    await database.run(
      `CREATE TABLE IF NOT EXISTS sidecert_certificate (serial ${text} NOT NULL, event ${text} NOT NULL, ` +
        `spiffe_id ${text} NOT NULL, recorded_at BIGINT NOT NULL, not_before BIGINT NOT NULL, ` +
        'not_after BIGINT NOT NULL, record TEXT NOT NULL, PRIMARY KEY (serial, event))',
    );
    for (const columns of ['recorded_at, serial, event', 'spiffe_id, recorded_at', 'not_after']) {
      const name = `sidecert_certificate_by_${columns.replaceAll(', ', '_')}`;
      await database.run(`CREATE INDEX IF NOT EXISTS ${name} ON sidecert_certificate (${columns})`);
    }
    await database.run(
      `CREATE TABLE IF NOT EXISTS sidecert_trail_position (source ${text} PRIMARY KEY, n BIGINT NOT NULL)`,
    );
  });
}

/** The values of a statement, each with its place in it. */
class Values {
  readonly all: SqlValue[] = [];

  add(value: SqlValue): string {
    this.all.push(value);
    return `$${this.all.length}`;
  }
}

/** By which rows are ordered: when, serial, event. */
type RowKey = readonly [number, string, string];

function conditions(
  { event, serial, prefixes = [], sinceMs, untilMs, validAtMs }: InventoryQuery,
  after: RowKey | undefined,
): { readonly where: string; readonly values: readonly SqlValue[] } {
  const values = new Values();
  const parts: string[] = [];
  if (event !== undefined) parts.push(`event = ${values.add(event)}`);
  if (serial !== undefined) parts.push(`serial = ${values.add(serial)}`);
  if (sinceMs !== undefined) parts.push(`recorded_at >= ${values.add(sinceMs)}`);
  if (untilMs !== undefined) parts.push(`recorded_at < ${values.add(untilMs)}`);
  if (validAtMs !== undefined) {
    parts.push(`not_before <= ${values.add(validAtMs)}`, `not_after >= ${values.add(validAtMs)}`);
  }
  if (prefixes.length > 0) {
    const ranges = prefixes.map((prefix) => {
      const end = values.add(`${prefix}\u{10ffff}`);
      return `(spiffe_id >= ${values.add(prefix)} AND spiffe_id < ${end})`;
    });
    parts.push(`(${ranges.join(' OR ')})`);
  }
  if (after !== undefined) {
    parts.push(`(recorded_at, serial, event) > (${after.map((value) => values.add(value)).join(', ')})`);
  }
  return { where: parts.length === 0 ? '' : `WHERE ${parts.join(' AND ')}`, values: values.all };
}
