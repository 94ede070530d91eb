/**
 * system/small-files: files that are read whole, with a bound on their size and with the system's reason when they
 * cannot be, and whether they have changed since. The one way in which the project reads certificates, keys, tokens and
 * settings.
 */
export { ChangingFiles } from './changing-files.js';
export { isExposed, isReadableByAll } from './exposed.js';
export { FileValue } from './file-value.js';
export { ISTIO_IDENTITY_FILES } from './identity-file-names.js';
export { readJson } from './json-text.js';
export { makeDirectory } from './make-directory.js';
export { pathError, systemReason } from './path-error.js';
export {
  lifeOfProcess,
  markProcess,
  type ProcessLife,
  type ProcessMark,
  removeEndedMark,
} from './process-mark.js';
export { readIfThere, readSmallFile, type SmallFile, type SmallFileOptions } from './read-small-file.js';
export { isListenedOn, MAX_SOCKET_PATH_BYTES } from './socket-probe.js';
export { syncDirectory } from './sync-directory.js';
export { whyUnreadable } from './why-unreadable.js';
export { writeNew, writeWhole } from './write-whole.js';
