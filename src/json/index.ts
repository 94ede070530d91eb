/** json: parses JSON that comes from peers, with a bound on the work that it makes. */
export { type JsonBounds, parseBoundedJson } from './bounded-json.js';
