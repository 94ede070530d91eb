import { parseDurationMs } from '../text/index.js';
import { hotPathOption } from './hot-path.js';
import { boolean, durationMs, existingFile, type Kind, oneOf, path, text, wholeNumber } from './kinds.js';
import { type ConfigOf, optional, required, switchOf, withDefault } from './option.js';
import { socketPath } from './socket-path.js';

/** Envoys that do not behave: a share of them, or how many per second go and come back. */
export type FakeEnvoyFault =
  | { readonly kind: 'slow' | 'nack' | 'silent'; readonly share: number }
  | { readonly kind: 'churn'; readonly perSecond: number };

/** One in ten: enough to see what they do to the others, who are measured. */
const DEFAULT_SHARE = 0.1;

/** A number in decimal digits. */
const DECIMAL = /^\d+(\.\d+)?$/;

/** Envoys come one after the other for at most a day. */
const MAX_RAMP_MS = 24 * 3_600_000;

/**
 * More a second than any machine opens. A number of hundreds of digits is infinite, and then a turn would never end.
 */
const MAX_CHURN_PER_SECOND = 100_000;

const durationOrZeroMs: Kind<number> = {
  placeholder: 'DURATION',
  expected: `a duration such as 0s, 500ms or 1m30s, of at most ${MAX_RAMP_MS / 3_600_000}h`,
  parse(value) {
    const milliseconds = parseDurationMs(value);
    return milliseconds !== undefined && milliseconds <= MAX_RAMP_MS ? milliseconds : undefined;
  },
};

/** Names in a list: a comma parts them. */
const secretNames: Kind<readonly string[]> = {
  placeholder: 'NAME,…',
  expected: 'names of secrets, each once, parted by commas, such as default,ROOTCA',
  parse(value, files) {
    const names = value.split(',').map((name) => text.parse(name, files));
    const known = names.filter((name) => name !== undefined);
    return known.length === names.length && new Set(known).size === known.length ? known : undefined;
  },
};

const misbehaviour: Kind<FakeEnvoyFault> = {
  placeholder: 'slow|nack|silent|churn:RATE',
  expected:
    'slow, nack or silent, with a share above 0 and below 1 such as slow:0.1, or churn with a rate of at most 100000 a second such as churn:50',
  parse(value) {
    const [kind = '', amount, ...rest] = value.split(':');
    if (rest.length > 0 || (amount !== undefined && !DECIMAL.test(amount))) return undefined;
    const number = amount === undefined ? undefined : Number(amount);
    if (kind === 'churn') {
      const isRate = number !== undefined && number > 0 && number <= MAX_CHURN_PER_SECOND;
      return isRate ? { kind, perSecond: number } : undefined;
    }
    const share = number ?? DEFAULT_SHARE;
    if (kind !== 'slow' && kind !== 'nack' && kind !== 'silent') return undefined;
    return share > 0 && share < 1 ? { kind, share } : undefined;
  },
};

/** `sidecert fleet`. */
export const FLEET_OPTIONS = {
  socket: required(socketPath, { flag: 'socket', description: 'Unix socket of the SDS server: ours or any other' }),
  hotPath: hotPathOption(
    'who serves the sockets: the native addon, or Node.js, which takes more CPU time; auto takes the addon where it loads',
  ),
  envoys: withDefault(wholeNumber(1, 100_000), '5000', { flag: 'envoys', description: 'how many Envoys to play' }),
  streams: withDefault(secretNames, 'default,ROOTCA', {
    flag: 'streams',
    description: 'the secrets that each Envoy asks for, on a stream each',
  }),
  connections: withDefault(oneOf(['per-envoy', 'per-stream']), 'per-envoy', {
    flag: 'connections',
    description: 'a connection for each Envoy, or, as with google_grpc and its call credentials, for each stream',
  }),
  delta: switchOf(boolean, { flag: 'delta', description: 'speak incremental xDS (DeltaSecrets)' }),
  tokensDirectory: optional(path, {
    flag: 'tokens',
    description: 'directory with a JWT for each Envoy, one file each, in the order of the names',
  }),
  tokenFile: optional(existingFile, {
    flag: 'token-file',
    description: 'one JWT for the streams of all Envoys',
  }),
  rampMs: withDefault(durationOrZeroMs, '0s', {
    flag: 'ramp',
    description: 'time over which the Envoys come; by default all at once',
  }),
  rotations: optional(wholeNumber(0, 1_000_000), {
    flag: 'rotations',
    description: 'end after so many rotations have come to all streams; by default 5, or no limit with --duration',
  }),
  durationMs: optional(durationMs, {
    flag: 'duration',
    description: 'end so long after all streams have had their first secret',
  }),
  timeoutMs: withDefault(durationMs, '10m', {
    flag: 'timeout',
    description: 'end after this in any case: what has not come by then is missing',
  }),
  firstRequestBytes: withDefault(wholeNumber(0, 1_000_000), '55000', {
    flag: 'first-request-bytes',
    description: 'size of the first request of a stream; a real Envoy sends 50 to 60 kB, nearly all of it its node',
  }),
  misbehave: optional(misbehaviour, {
    flag: 'misbehave',
    description:
      'a share of the Envoys (by default 0.1) reads and answers once a second (slow), rejects everything (nack) or never answers (silent); or so many a second go and come back (churn)',
  }),
  jsonFile: optional(path, { flag: 'json', description: 'file to write the report to as JSON' }),
  htmlFile: optional(path, { flag: 'html', description: 'file to write the report to as a page with charts' }),
};

export type FleetConfig = ConfigOf<typeof FLEET_OPTIONS>;
