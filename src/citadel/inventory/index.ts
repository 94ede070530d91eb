/**
 * citadel/inventory: certificates that were issued or revoked, where they can be looked up by serial, identity and
 * time, in SQLite or PostgreSQL. It is read from the trail, which is the truth: what is lost of it is read again.
 */
export { InventoryKeeper, type InventoryState } from './inventory-keeper.js';
export type { InventoryQuery } from './inventory-store.js';
export { type InventoryPlace, openInventoryToRead, placeText } from './open-store.js';
