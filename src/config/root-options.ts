import { CITADEL_OPTIONS } from './citadel-options.js';
import { boolean, durationMs, oneOf, path } from './kinds.js';
import { type ConfigOf, listOf, optional, required, switchOf, withDefault } from './option.js';
import { ownStatusAddress } from './status-options.js';
import { TRAIL_VERIFY_OPTIONS } from './trail-options.js';

const { trustDomain, serverNames } = CITADEL_OPTIONS;

const directory = required(path, {
  flag: 'ca-dir',
  description:
    'the --ca-dir of the Citadel, with the files of Istio (ca-key.pem and the others), which this user can write to; it may stand without the flag',
});

const statusAddresses = listOf(ownStatusAddress, [], {
  flag: 'status-address',
  description: 'the --status-address of each Citadel with these files: it is asked who would break',
});

const isForced = switchOf(boolean, {
  flag: 'force',
  description: 'take the step although workloads would break, or are not known',
});

/** `sidecert root status`. */
export const ROOT_STATUS_OPTIONS = {
  directory,
  statusAddresses,
  output: withDefault(oneOf(['text', 'json']), 'text', {
    flag: 'output',
    short: 'o',
    description: 'text for people, or JSON',
  }),
};

export type RootStatusConfig = ConfigOf<typeof ROOT_STATUS_OPTIONS>;

/** `sidecert root history`. */
export const ROOT_HISTORY_OPTIONS = { directory: TRAIL_VERIFY_OPTIONS.directory, output: ROOT_STATUS_OPTIONS.output };

export type RootHistoryConfig = ConfigOf<typeof ROOT_HISTORY_OPTIONS>;

/** `sidecert root stage`. */
export const ROOT_STAGE_OPTIONS = {
  directory,
  from: optional(path, {
    flag: 'from',
    description:
      'directory with the next authority, in the files of a --ca-dir: one of your own CA, say; left out, a fresh P-256 root is made',
  }),
  trustDomain,
  serverNames,
};

export type RootStageConfig = ConfigOf<typeof ROOT_STAGE_OPTIONS>;

/** `sidecert root activate`, `retire` and `abort`. */
export const ROOT_STEP_OPTIONS = {
  directory,
  statusAddresses,
  isForced,
  longestTtlMs: optional(durationMs, {
    flag: 'longest-ttl',
    description:
      'longest life of the certificates that were issued before a Citadel started, if it has no trail to know them from; left out, the longest that its --max-ttl and policy allow',
  }),
  trustDomain,
  serverNames,
};

export type RootStepConfig = ConfigOf<typeof ROOT_STEP_OPTIONS>;
