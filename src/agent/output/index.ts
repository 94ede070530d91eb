/**
 * agent/output: the SVID of a workload as files, for applications that cannot ask by SDS. Loaded only where it is
 * switched on.
 */
export { OutputCerts, type OutputSource, type OutputStatus } from './output-certs.js';
export { OutputDirectory, type OutputOwner } from './output-directory.js';
export { type Notice, type NoticeTarget, sendNotice } from './rotation-notice.js';
export { type NoticeStatus, RotationNotices } from './rotation-notices.js';
export type { SvidFiles } from './svid-files.js';
