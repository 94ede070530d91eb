import { isIP } from 'node:net';
import { boolean, type Kind, oneOf } from './kinds.js';
import { type ConfigOf, required, switchOf, withDefault } from './option.js';
import { type StatusAddressOption, statusAddress } from './status-address.js';

/**
 * Where the pages of a process on this machine are. What they tell names workloads, and travels in plain text: another
 * machine is not asked. `0.0.0.0` and `[::]` are what a pod's agent listens on, and mean the loopback address.
 */
export const ownStatusAddress: Kind<StatusAddressOption> = {
  placeholder: statusAddress.placeholder,
  expected:
    'a port of this machine (127.0.0.1:PORT, [::1]:PORT or localhost:PORT), or the path of a Unix socket, with a slash',
  parse(text, files) {
    const address = statusAddress.parse(text, files);
    if (address === undefined || 'socketPath' in address) return address;
    const host = loopbackOf(address.host.toLowerCase());
    return host === undefined || address.port === 0 ? undefined : { host, port: address.port };
  },
};

function loopbackOf(host: string): string | undefined {
  if (host === 'localhost' || host === '::1') return host;
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '::1';
  return isIP(host) === 4 && host.startsWith('127.') ? host : undefined;
}

/** `sidecert status`. */
export const STATUS_OPTIONS = {
  statusAddress: required(ownStatusAddress, {
    flag: 'status-address',
    description:
      'the --status-address of the agent, Citadel or injector, on this machine: an address, or the path of its Unix socket',
  }),
  output: withDefault(oneOf(['text', 'json']), 'text', {
    flag: 'output',
    short: 'o',
    description: 'text for people, or the JSON of /status; with --watch one line of JSON each time',
  }),
  isWatching: switchOf(boolean, {
    flag: 'watch',
    description: 'ask again every two seconds, until it is interrupted',
  }),
};

export type StatusConfig = ConfigOf<typeof STATUS_OPTIONS>;
