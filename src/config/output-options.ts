import { type Kind, oneOf, path } from './kinds.js';
import { type ConfigOf, onlyWith, optional, withDefault } from './option.js';
import { SIDECAR } from './secret-options.js';
import { MAX_UID } from './socket-options.js';

/** Whose files become: numbers, as a container may know no names. */
export interface FileOwner {
  readonly uid: number | undefined;
  readonly gid: number | undefined;
}

const fileOwner: Kind<FileOwner> = {
  placeholder: 'UID:GID',
  expected: `UID:GID, UID or :GID, numbers from 0 to ${MAX_UID}`,
  parse(text) {
    const [match, uid, gid] = /^(\d{1,10})?(?::(\d{1,10}))?$/.exec(text) ?? [];
    const ids = [uid, gid].filter((id) => id !== undefined).map(Number);
    if (match === undefined || ids.length === 0 || ids.some((id) => id > MAX_UID)) return undefined;
    return { uid: numberOf(uid), gid: numberOf(gid) };
  },
};

function numberOf(id: string | undefined): number | undefined {
  return id === undefined ? undefined : Number(id);
}

/** The SVID as files. Off unless asked for: SDS keeps keys out of files. */
export const OUTPUT_OPTIONS = {
  outputCerts: onlyWith(
    SIDECAR,
    optional(path, {
      flag: 'output-certs',
      description:
        'directory to write cert-chain.pem, key.pem and root-cert.pem of the workload to, for applications that cannot ask by SDS; switched together at each rotation. The private key then lies on a disk, unless the directory is in memory',
    }),
  ),
  outputCertsMode: onlyWith(
    SIDECAR,
    withDefault(oneOf(['0600', '0640', '0400', '0440']), '0600', {
      flag: 'output-certs-mode',
      description: 'permission bits of the files of --output-certs; no other user ever has any',
    }),
  ),
  outputCertsOwner: onlyWith(
    SIDECAR,
    optional(fileOwner, {
      flag: 'output-certs-owner',
      description:
        'user and group of the files of --output-certs; another user needs CAP_CHOWN, another group to be a member of it',
    }),
  ),
};

export type OutputConfig = ConfigOf<typeof OUTPUT_OPTIONS>;
