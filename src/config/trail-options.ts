import { isoTime, oneOf, path, serialNumber, text } from './kinds.js';
import { type ConfigOf, listOf, optional, required, withDefault } from './option.js';

const directory = required(path, {
  flag: 'trail-dir',
  description: 'the directory, as --trail-dir of Citadel takes it; it may stand without the flag',
});

const output = withDefault(oneOf(['text', 'json']), 'text', {
  flag: 'output',
  short: 'o',
  description: 'text for people, or JSON',
});

/** `sidecert trail verify`. */
export const TRAIL_VERIFY_OPTIONS = {
  directory,
  head: optional(text, {
    flag: 'head',
    description:
      'NUMBER:HASH of a record that the trail must have, as the status of a Citadel tells it: a cut at the end is found by nothing else',
  }),
  output,
};

export type TrailVerifyConfig = ConfigOf<typeof TRAIL_VERIFY_OPTIONS>;

/** `sidecert certs list`. */
export const CERTS_LIST_OPTIONS = {
  directory,
  identities: listOf(text, [], {
    flag: 'identity',
    description: 'only of these SPIFFE IDs; a * stands for any text',
  }),
  since: optional(isoTime, {
    flag: 'since',
    description: 'only what was issued at this time or later',
  }),
  until: optional(isoTime, {
    flag: 'until',
    description: 'only what was issued before this time',
  }),
  validAt: optional(isoTime, {
    flag: 'valid-at',
    description: 'only what was valid at this time',
  }),
  events: withDefault(oneOf(['issued', 'refused', 'revoked', 'all']), 'issued', {
    flag: 'events',
    description:
      'certificates that were issued, requests that were refused, certificates that were revoked, or all of it',
  }),
  output,
};

export type CertsListConfig = ConfigOf<typeof CERTS_LIST_OPTIONS>;

/** `sidecert certs show`. */
export const CERTS_SHOW_OPTIONS = {
  directory,
  serial: required(serialNumber, {
    flag: 'serial',
    description: 'serial number of the certificate; it may stand without the flag',
  }),
  output,
};

export type CertsShowConfig = ConfigOf<typeof CERTS_SHOW_OPTIONS>;
