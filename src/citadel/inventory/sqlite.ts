import { closeSync, existsSync, openSync, rmdirSync, rmSync, statSync } from 'node:fs';
import type { SqlDatabase, SqlRow, SqlValue } from './sql-database.js';

/** The part of `node:sqlite` that is used here; its types are in @types/node of Node.js 22 alone. */
interface NodeSqlite {
  readonly DatabaseSync: new (
    path: string,
    options: { readonly timeout: number; readonly readOnly?: boolean },
  ) => {
    exec(statements: string): void;
    prepare(statement: string): {
      all(...values: readonly SqlValue[]): SqlRow[];
      run(...values: readonly SqlValue[]): { readonly changes: number | bigint };
    };
    close(): void;
  };
}

/** What both kinds of SQLite do. */
interface Connection {
  exec(statements: string): void;
  all(statement: string, values: readonly SqlValue[]): readonly SqlRow[];
  run(statement: string, values: readonly SqlValue[]): number;
  close(): void;
}

/** How long a statement waits for other processes: so long it holds up a shutdown, too. */
const BUSY_MS = 1000;

/** No transaction of ours takes as long: a process that holds a lock for longer has been killed in it. */
const DEAD_LOCK_MS = 60_000;

/**
 * A file of SQLite, or its replacement for Node.js before 22.13. Calls hold up the thread: they are made where that is
 * no harm.
 */
export class SqliteDatabase implements SqlDatabase {
  readonly orderedText = 'TEXT';

  private constructor(private readonly connection: Connection) {}

  /** @throws what SQLite says: the file cannot be opened, or is none of its own. */
  static async open(path: string, { isReadOnly = false } = {}): Promise<SqliteDatabase> {
    const connection = (await openBuiltIn(path, isReadOnly)) ?? (await openPackage(path, isReadOnly));
    // Certificates are in the trail as well: a power cut costs the reading of some of it, and no wait for a disk here.
    if (!isReadOnly) connection.exec('PRAGMA synchronous = NORMAL');
    return new SqliteDatabase(connection);
  }

  async all(statement: string, values: readonly SqlValue[] = []): Promise<readonly SqlRow[]> {
    return this.connection.all(numbered(statement), values);
  }

  async run(statement: string, values: readonly SqlValue[] = []): Promise<number> {
    return this.connection.run(numbered(statement), values);
  }

  async transaction(work: () => Promise<void>): Promise<void> {
    this.connection.exec('BEGIN IMMEDIATE');
    try {
      await work();
      this.connection.exec('COMMIT');
    } catch (error) {
      this.rollBack();
      throw error;
    }
  }

  /** A full disk, for one, has had it done already. */
  private rollBack(): void {
    try {
      this.connection.exec('ROLLBACK');
    } catch {
      // What comes next tells, if anything is wrong.
    }
  }

  /** A transaction has the whole file. */
  async lockSchema(): Promise<void> {}

  async close(): Promise<void> {
    this.connection.close();
  }
}

function numbered(statement: string): string {
  return statement.replaceAll(/\$(?=\d)/g, '?');
}

/** `undefined`: this Node.js has none. */
async function openBuiltIn(path: string, readOnly: boolean): Promise<Connection | undefined> {
  const module = builtIn();
  if (module === undefined) return undefined;
  if (!readOnly) makePrivate(path);
  const database = new module.DatabaseSync(path, { timeout: BUSY_MS, readOnly });
  return {
    exec: (statements) => database.exec(statements),
    all: (statement, values) => database.prepare(statement).all(...values),
    run: (statement, values) => Number(database.prepare(statement).run(...values).changes),
    close: () => database.close(),
  };
}

/** Without the warning of Node.js 22 and 24 that it may change: the part that is used here has not. */
function builtIn(): NodeSqlite | undefined {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return process.getBuiltinModule('node:sqlite') as NodeSqlite | undefined;
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** Its lock is a directory beside the file, which a process that is killed leaves behind. */
async function openPackage(path: string, readOnly: boolean): Promise<Connection> {
  const lock = `${path}.lock`;
  removeDeadLock(lock);
  if (!readOnly && !existsSync(lock)) removeHalfWritten(path);
  if (!readOnly) makePrivate(path);
  const { default: sqlite } = await import('node-sqlite3-wasm');
  const database = new sqlite.Database(path, { readOnly });
  database.exec(`PRAGMA busy_timeout = ${BUSY_MS}`);
  return {
    exec: (statements) => database.exec(statements),
    all: (statement, values) => database.all(statement, [...values]) as SqlRow[],
    run: (statement, values) => database.run(statement, [...values]).changes,
    close: () => database.close(),
  };
}

/** For its own user alone, as the trail. */
function makePrivate(path: string): void {
  closeSync(openSync(path, 'a', 0o600));
}

/**
 * A transaction that was cut off leaves a journal, by which SQLite takes it back. The package does not: it takes its
 * own lock for that of a process that is at work. What is half written is made again from the trail.
 */
function removeHalfWritten(path: string): void {
  const journal = `${path}-journal`;
  if (!existsSync(journal)) return;
  // The journal last: it tells of this as long as it has not been done.
  rmSync(path, { force: true });
  rmSync(journal, { force: true });
}

function removeDeadLock(path: string): void {
  try {
    if (Date.now() - statSync(path).mtimeMs > DEAD_LOCK_MS) rmdirSync(path);
  } catch {
    // There is none, or it has just been given back.
  }
}
