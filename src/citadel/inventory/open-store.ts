import type { InventoryStore } from './inventory-store.js';
import type { SqlDatabase } from './sql-database.js';
import { SqlStore } from './sql-store.js';

/** Where an inventory is: in a file of SQLite, which is of one Citadel alone, or in PostgreSQL. */
export type InventoryPlace =
  | { readonly kind: 'sqlite'; readonly path: string }
  | { readonly kind: 'postgres'; readonly url: string };

/**
 * Opens an inventory to write, and makes its tables where they are missing.
 * @throws what the database or the system says.
 */
export async function openInventory(place: InventoryPlace): Promise<InventoryStore> {
  const database = await openDatabase(place, { isReadOnly: false });
  try {
    return await SqlStore.open(database);
  } catch (error) {
    // It is opened again and again: a connection that stays would be one more each time.
    await database.close().catch(() => {});
    throw error;
  }
}

/**
 * Opens one that is there, to look into it.
 * @throws what the database or the system says.
 */
export async function openInventoryToRead(place: InventoryPlace): Promise<InventoryStore> {
  return SqlStore.openToRead(await openDatabase(place, { isReadOnly: true }));
}

/** For people: without a password. */
export function placeText(place: InventoryPlace): string {
  if (place.kind === 'sqlite') return `sqlite:${place.path}`;
  const url = new URL(place.url);
  url.password = '';
  url.search = '';
  return url.href;
}

/** Each kind is loaded when it is asked for. */
async function openDatabase(place: InventoryPlace, how: { readonly isReadOnly: boolean }): Promise<SqlDatabase> {
  if (place.kind === 'sqlite') {
    const { SqliteDatabase } = await import('./sqlite.js');
    return SqliteDatabase.open(place.path, how);
  }
  const { PostgresDatabase } = await import('./postgres.js');
  return PostgresDatabase.open(place.url);
}
