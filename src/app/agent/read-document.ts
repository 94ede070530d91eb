/** Kept apart, so that only an agent with a bundle endpoint loads Node's client of HTTPS. */
export { readHttpsDocument } from '../../net/transport/index.js';
