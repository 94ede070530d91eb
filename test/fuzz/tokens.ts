import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { createJwksAuthenticator } from '../../src/citadel/authn/index.js';
import { IdentityError } from '../../src/errors/index.js';
import { parseServiceAccountToken } from '../../src/pki/service-account/index.js';
import { TrustDomain } from '../../src/pki/spiffe/index.js';
import { silentLogger } from '../../src/telemetry/index.js';
import { oneOf, type Random } from '../hostile/conversations.js';
import { TokenIssuer } from '../support/test-tokens.js';
import { bytesTarget } from './bytes-target.js';
import type { FuzzTarget } from './target.js';

const issuer = new TokenIssuer();
const keys = createLocalJWKSet(issuer.jwks);
const nowMs = Date.now();
const seconds = Math.floor(nowMs / 1000);

/** The clock stands still, so that a run says the same whenever it is played. */
const authenticator = await (async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sidecert-fuzz-'));
  try {
    const path = join(directory, 'jwks.json');
    writeFileSync(path, JSON.stringify(issuer.jwks));
    return await createJwksAuthenticator({
      ...{ path, issuers: [issuer.issuer], audiences: ['istio-ca'], binding: 'any', logger: silentLogger },
      ...{ trustDomain: TrustDomain.parse('cluster.local'), now: () => nowMs },
    });
  } finally {
    rmSync(directory, { recursive: true });
  }
})();

const claims = { ...issuer.claims(), iat: seconds, nbf: seconds, exp: seconds + 3600 };
const payloads = [
  claims,
  { ...claims, 'kubernetes.io': undefined },
  { ...claims, exp: seconds - 60 },
  { ...claims, nbf: seconds + 59, iat: 0 },
].map((each) => Buffer.from(JSON.stringify(each)));
const genuine = new Set(await Promise.all([issuer.sign(claims), issuer.sign(claims, { kid: undefined })]));

const ODD = ['1e400', '-1e400', '1e300', '0', '-1', 'null', '""', '[]', '{}', 'true', '["istio-ca",7]', '"istio-ca"'];
const NAMES = ['iss', 'aud', 'sub', 'exp', 'nbf', 'iat', 'kubernetes.io', 'namespace', 'serviceaccount', 'pod', 'name'];

/** Good claims of which one has another value, or stands there twice. */
function oddClaims(random: Random): Buffer {
  const odd = `"${oneOf(random, NAMES)}":${oneOf(random, [...ODD, `${seconds - 5}`, `${seconds + 61}`])}`;
  return Buffer.from(oneOf(random, payloads).toString().replace(/[{]/, `{${odd},`).replace(/[}]$/, `,${odd}}`));
}

/** A token of ours that says whatever the bytes say. */
function signed(payload: Buffer): string {
  const part = (bytes: Buffer | string): string => Buffer.from(bytes).toString('base64url');
  const text = `${part(JSON.stringify({ alg: 'ES256', kid: issuer.kid }))}.${part(payload)}`;
  return `${text}.${issuer.signJws(text).toString('base64url')}`;
}

/**
 * Tokens, as Citadel and an agent read them: spoilt ones, and ones that say spoilt things and are signed all the same.
 * What Citadel accepts has one spelling, the agent reads it too, and `jose` accepts it.
 */
export const tokens: FuzzTarget = bytesTarget({
  ...{ name: 'tokens', maxInputMs: 250, maxGrownMb: 30, testRuns: 1500 },
  seeds: [...payloads, ...[...genuine].map((text) => Buffer.from(text))],
  async read(input, random) {
    const isSigned = random() < 0.6;
    const text = isSigned ? signed(random() < 0.5 ? oddClaims(random) : input) : input.toString('latin1');
    readByAgent(text);
    await authenticator.authenticate(text);
    if (!isSigned && !genuine.has(text)) throw new Error('accepted what the issuer has not signed');
    if (readByAgent(text) !== undefined) throw new Error('accepted what an agent refuses');
    const options = { issuer: issuer.issuer, audience: 'istio-ca', clockTolerance: 60, currentDate: new Date(nowMs) };
    await jwtVerify(text, keys, options);
    return 'accepted';
  },
  refusalOf: (error) => (error instanceof IdentityError ? error.code : undefined),
});

/** The code of its refusal; what else it throws is a fault. */
function readByAgent(text: string): string | undefined {
  try {
    parseServiceAccountToken(Buffer.from(text, 'latin1'), nowMs);
    return undefined;
  } catch (error) {
    if (error instanceof IdentityError) return error.code;
    throw error;
  }
}
