import { type InventoryPlace, inventoryPlace } from './inventory-place.js';
import { isoTime, type Kind, oneOf, path, serialNumber, text } from './kinds.js';
import { type ConfigOf, listOf, optional, required, withDefault } from './option.js';

const directory = required(path, {
  flag: 'trail-dir',
  description: 'the directory, as --trail-dir of Citadel takes it; it may stand without the flag',
});

/** Where certificates are looked up. */
export type CertsSource = { readonly kind: 'trail'; readonly directory: string } | InventoryPlace;

const certsSource: Kind<CertsSource> = {
  placeholder: 'DIRECTORY|sqlite:PATH|postgresql://…',
  expected: `the directory of a trail, or an inventory: ${inventoryPlace.expected}`,
  shown: (value) => inventoryPlace.shown?.(value) ?? value,
  parse(value, files) {
    if (/^(sqlite:|postgres(ql)?:)/.test(value)) return inventoryPlace.parse(value, files);
    const directory = path.parse(value, files);
    return directory === undefined ? undefined : { kind: 'trail', directory };
  },
};

const source = required(certsSource, {
  flag: 'source',
  description:
    'the directory of a trail, as --trail-dir of Citadel takes it, or an inventory, as --inventory does; it may stand without the flag',
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
  source,
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
      'certificates that were issued, requests that were refused, certificates that were revoked, or all of it; an inventory has no refusals',
  }),
  output,
};

export type CertsListConfig = ConfigOf<typeof CERTS_LIST_OPTIONS>;

/** `sidecert certs show`. */
export const CERTS_SHOW_OPTIONS = {
  source,
  serial: required(serialNumber, {
    flag: 'serial',
    description: 'serial number of the certificate; it may stand without the flag',
  }),
  output,
};

export type CertsShowConfig = ConfigOf<typeof CERTS_SHOW_OPTIONS>;
