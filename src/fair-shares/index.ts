/** fair-shares: who may have how many of places that many callers have in common. Pure. */
export { Shares } from './shares.js';
