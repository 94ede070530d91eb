/**
 * system/small-files: files that are read whole, with a bound on their size and with the system's reason when they
 * cannot be. The one way in which the project reads certificates, keys, tokens and settings.
 */
export { isExposed, isReadableByAll } from './exposed.js';
export { readJson } from './json-text.js';
export { makeDirectory } from './make-directory.js';
export { pathError, systemReason } from './path-error.js';
export { markOf, readSmallFile, type SmallFile, type SmallFileOptions } from './read-small-file.js';
export { whyUnreadable } from './why-unreadable.js';
