import { errorCodeOf, messageOf } from '../../errors/index.js';
import { MAX_TOKEN_BYTES, readClaims, splitCompactJwt } from '../../pki/service-account/index.js';
import { symptomOf } from '../../symptoms/index.js';
import { isReadableByAll, readSmallFile, type SmallFile } from '../../system/small-files/index.js';
import { clipped } from '../../text/index.js';
import { distanceText, lengthText } from '../time-words.js';
import { type Finding, Step } from './finding.js';

export interface TokenSettings {
  readonly path: string;
  /** Of which it should have one. */
  readonly audiences: readonly string[];
  /** The `sub` that belongs to the workload. */
  readonly subject: string;
  /** There is a certificate to show the CA in its place. */
  readonly isOptional: boolean;
}

/** What clocks of a cluster differ by. */
const MAX_SKEW_MS = 60_000;

const MAX_CLAIM_CHARS = 200;

const step = new Step('token');

const MOUNT = symptomOf('token-missing').advice;

/** What the token file says of itself, unverified and without its text. The bytes are wiped. */
export async function examineToken(settings: TokenSettings, nowMs: number): Promise<Finding[]> {
  const { path } = settings;
  let file: SmallFile;
  try {
    file = await readSmallFile(path, {
      what: `token file ${path}`,
      code: 'ERR_TOKEN_MISSING',
      maxBytes: MAX_TOKEN_BYTES,
    });
  } catch (error) {
    const text = `${errorCodeOf(error)}: ${messageOf(error)}`;
    return [
      settings.isOptional ? step.warn(text, 'the certificate of --ca-client-cert has to do') : step.fail(text, MOUNT),
    ];
  }
  try {
    const exposed = (await isReadableByAll(path, file.mode))
      ? [step.warn(`${path} can be read by every user of this machine`, symptomOf('key-exposed').advice)]
      : [];
    return [...examineText(file.content, settings, nowMs), ...exposed];
  } finally {
    file.content.fill(0);
  }
}

/** What a token is seen in that a person or a script has written. */
const WRAPPED = [
  { by: /^["']/, what: 'it begins with a quote' },
  { by: /^Bearer\s/i, what: 'it begins with the word Bearer' },
  { by: /^\{/, what: 'it is JSON, and not the token in it' },
  { by: /^-----BEGIN/, what: 'it is PEM' },
];

function examineText(content: Buffer, { path, audiences, subject }: TokenSettings, nowMs: number): Finding[] {
  // As the agent reads it, without a byte order mark.
  const text = content.toString('utf8').replace(/^\ufeff/, '');
  const token = text.trim();
  if (token === '') return [step.fail(`${path}: got an empty file, expected a JWT`, MOUNT)];
  const payload = splitCompactJwt(token)?.payload;
  const claims = payload === undefined ? undefined : readClaims(payload);
  if (claims === undefined) {
    const begins = WRAPPED.find(({ by }) => by.test(token))?.what;
    const hint = begins === undefined ? '' : `: ${begins}`;
    return [step.fail(`${path}: got ${content.length} bytes that are no JWT in compact form${hint}`, MOUNT)];
  }
  const { iss, sub, aud, exp, iat, nbf } = claims;
  const audience = [aud].flat().filter((one) => typeof one === 'string');
  const endMs = typeof exp === 'number' ? exp * 1000 : undefined;
  const says = `iss ${shown(iss)}, sub ${shown(sub)}, aud ${shown(audience.join(' '))}`;
  if (endMs !== undefined && endMs <= nowMs) {
    return [
      step.fail(
        `${path} expired ${distanceText(endMs, nowMs)} (${says})`,
        'the kubelet renews a projected token in time: look whether the volume is one, and compare the clocks',
      ),
    ];
  }
  const life = endMs === undefined ? 'without end' : `expires ${distanceText(endMs, nowMs)}`;
  const newline = text === token ? '' : '; it ends in white space: harmless here, a trap for call credentials of Envoy';
  return [
    step.ok(`${path}: ${says}, ${life}${newline}`),
    ...(sub === subject
      ? []
      : [
          step.fail(
            `sub is ${shown(sub)}, expected ${subject} of --namespace and --service-account`,
            'set these to the service account of the pod, or mount the token of the other one',
          ),
        ]),
    ...(audience.some((one) => audiences.includes(one))
      ? []
      : [
          step.warn(
            `aud is ${shown(audience.join(' '))}, expected ${audiences.join(' or ')}`,
            symptomOf('token-audience').advice,
          ),
        ]),
    ...earliest([iat, nbf], nowMs),
  ];
}

/** A token that begins later than now shows a clock that is behind. */
function earliest(times: readonly unknown[], nowMs: number): Finding[] {
  const begins = times.filter((time) => typeof time === 'number').map((seconds) => seconds * 1000);
  const aheadMs = Math.max(0, ...begins) - nowMs;
  if (aheadMs <= MAX_SKEW_MS) return [];
  return [
    step.warn(
      `it begins in ${lengthText(aheadMs)}: our clock is behind that of the API server`,
      'set the clock of this machine (chronyc tracking, timedatectl)',
    ),
  ];
}

function shown(claim: unknown): string {
  return typeof claim === 'string' && claim !== '' ? clipped(claim, MAX_CLAIM_CHARS) : 'missing';
}
