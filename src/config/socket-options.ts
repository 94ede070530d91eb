import { boolean, type Kind, oneOf, wholeNumber } from './kinds.js';
import { listOf, optional, switchOf, withDefault } from './option.js';

/** A uid_t of Linux; the last one stands for no user. (chown(2)) */
export const MAX_UID = 2 ** 32 - 2;

const uid = systemId('UID', 'a user id');
const gid = systemId('GID', 'a group id');

function systemId(placeholder: string, what: string): Kind<number> {
  return {
    placeholder,
    expected: `${what} from 0 to ${MAX_UID}`,
    parse(text) {
      const number = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
      return number <= MAX_UID ? number : undefined;
    },
  };
}

/** Who may be on the socket of an agent. The rest is decided: docs/sds.md, "Limits". */
export const SOCKET_OPTIONS = {
  maxConnections: withDefault(wholeNumber(1, 1_000_000), '16384', {
    flag: 'max-connections',
    description:
      'open at a time, nine tenths of them by one user; bounded by the limit of open files, too. Envoy has one, or, with google_grpc, one for each secret',
  }),
  allowedUids: listOf(uid, [], {
    flag: 'allowed-uids',
    description:
      'users whose processes are let in, by what the kernel says of them; without it all who may open the socket (only with the native hot path)',
  }),
  socketMode: withDefault(oneOf(['0600', '0660', '0666']), '0660', {
    flag: 'socket-mode',
    description:
      'permission bits of the sockets: for this user, for its group too, or for every user of the machine, whom --allowed-uids may bound then',
  }),
  socketGroup: optional(gid, {
    flag: 'socket-group',
    description:
      'group of the sockets, by its number, for an Envoy of another user: this process has to be a member of it, or have CAP_CHOWN',
  }),
  isDirectoryShared: switchOf(boolean, {
    flag: 'shared-socket-directory',
    description:
      'node mode: serve in a directory that other users may write to as well, who can then put a socket of their own in its place and get the tokens of pods',
  }),
  takesOver: switchOf(boolean, {
    flag: 'takeover',
    description:
      'take the socket over from an agent that still serves on it, for a restart without a gap: that one keeps its connections until it is ended',
  }),
};
