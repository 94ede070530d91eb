import { absolutePath, type Kind, oneOf, path } from './kinds.js';
import { type ConfigOf, listOf, type OptionSpec, onlyWith, optional, withDefault } from './option.js';
import { FROM_CA_ALONE, SIDECAR } from './secret-options.js';
import { MAX_UID } from './socket-options.js';
import { socketPath } from './socket-path.js';

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

/** Who is told that the files have been switched. */
export type RotationTarget =
  | { readonly kind: 'signal'; readonly signal: (typeof SIGNALS)[number]; readonly pidFile: string }
  | { readonly kind: 'socket'; readonly path: string };

/** Those that programs read their files by, or end by so that their supervisor starts them again. */
const SIGNALS = ['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH', 'SIGINT', 'SIGQUIT', 'SIGTERM'] as const;

const rotationTarget: Kind<RotationTarget> = {
  placeholder: 'SIGNAL:PIDFILE|unix:PATH',
  expected: `SIGNAL:PIDFILE with an absolute path, such as SIGHUP:/run/nginx.pid (one of ${SIGNALS.join(', ')}), or unix:/path of a socket`,
  parse(text, files) {
    if (text.startsWith('unix:')) {
      const path = socketPath.parse(text, files);
      return path === undefined ? undefined : { kind: 'socket', path };
    }
    const at = text.indexOf(':');
    const signal = SIGNALS.find((known) => known === text.slice(0, at));
    const pidFile = absolutePath.parse(text.slice(at + 1), files);
    return signal === undefined || pidFile === undefined ? undefined : { kind: 'signal', signal, pidFile };
  },
};

/** What comes from files is there as files. */
function ofCa<T>(option: OptionSpec<T>): OptionSpec<T | undefined> {
  return onlyWith(FROM_CA_ALONE, onlyWith(SIDECAR, option));
}

/** The SVID as files. Off unless asked for: SDS keeps keys out of files. */
export const OUTPUT_OPTIONS = {
  outputCerts: onlyWith(
    FROM_CA_ALONE,
    onlyWith(
      SIDECAR,
      optional(path, {
        flag: 'output-certs',
        description:
          'directory to write cert-chain.pem, key.pem and root-cert.pem of the workload to, for applications that cannot ask by SDS; switched together at each rotation. The private key then lies on a disk, unless the directory is in memory',
      }),
    ),
  ),
  outputCertsMode: ofCa(
    withDefault(oneOf(['0600', '0640', '0400', '0440']), '0600', {
      flag: 'output-certs-mode',
      description: 'permission bits of the files of --output-certs; no other user ever has any',
    }),
  ),
  outputCertsOwner: ofCa(
    optional(fileOwner, {
      flag: 'output-certs-owner',
      description:
        'user and group of the files of --output-certs; another user needs CAP_CHOWN, another group to be a member of it',
    }),
  ),
  onRotate: ofCa(
    listOf(rotationTarget, [], {
      flag: 'on-rotate',
      description:
        'who is told after the files of --output-certs have been switched: a process of the same user, by a signal and its pid file, or what listens on a Unix stream socket, by one line of JSON; no program is run',
    }),
  ),
};

export type OutputConfig = ConfigOf<typeof OUTPUT_OPTIONS>;
