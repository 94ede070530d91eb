import { Client } from 'pg';
import type { SqlDatabase, SqlRow, SqlValue } from './sql-database.js';

/** Of a connection that is made, and of a statement. */
const CONNECT_MS = 10_000;
const STATEMENT_MS = 30_000;

/** Chosen by chance, once: held while tables are made. */
const SCHEMA_LOCK = 7_310_529_116;

/** A database of PostgreSQL, over one connection. After an error of that it is to be opened again. */
export class PostgresDatabase implements SqlDatabase {
  readonly orderedText = 'TEXT COLLATE "C"';

  private constructor(private readonly client: Client) {}

  /**
   * As libpq reads it: what the URL leaves out comes from PGPASSWORD, PGPASSFILE, PGSSLMODE and so on.
   * @throws what the server or the system says.
   */
  static async open(url: string): Promise<PostgresDatabase> {
    const client = new Client({
      connectionString: url,
      application_name: 'sidecert',
      connectionTimeoutMillis: CONNECT_MS,
      query_timeout: STATEMENT_MS,
      statement_timeout: STATEMENT_MS,
      keepAlive: true,
    });
    // The next statement fails, and says it.
    client.on('error', () => {});
    try {
      await client.connect();
      return new PostgresDatabase(client);
    } catch (error) {
      await client.end().catch(() => {});
      throw error;
    }
  }

  async all(statement: string, values: readonly SqlValue[] = []): Promise<readonly SqlRow[]> {
    return (await this.client.query(statement, [...values])).rows;
  }

  async run(statement: string, values: readonly SqlValue[] = []): Promise<number> {
    return (await this.client.query(statement, [...values])).rowCount ?? 0;
  }

  async transaction(work: () => Promise<void>): Promise<void> {
    await this.client.query('BEGIN');
    try {
      await work();
      await this.client.query('COMMIT');
    } catch (error) {
      await this.client.query('ROLLBACK').catch(() => {});
      throw error;
    }
  }

  async lockSchema(): Promise<void> {
    await this.client.query('SELECT pg_advisory_xact_lock($1)', [SCHEMA_LOCK]);
  }

  async close(): Promise<void> {
    await this.client.end();
  }
}
