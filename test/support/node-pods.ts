import { hash } from 'node:crypto';
import type { Test } from 'tap';
import { Pods, podIdentityOf, TokenGate } from '../../src/agent/admission/index.js';
import { BundleInterner, SvidIssuance } from '../../src/agent/identity/index.js';
import { type CancelSignal, CancelSource } from '../../src/cancellation/index.js';
import { IdentityError } from '../../src/errors/index.js';
import type { HotPath } from '../../src/hotpath/index.js';
import { TrustDomain } from '../../src/pki/spiffe/index.js';
import { WallClockTimers } from '../../src/timers/index.js';
import { FakeClock } from './fake-clock.js';
import { InProcessCa } from './in-process-ca.js';
import { RecordingLogger } from './recording-logger.js';

/** The signature of a token that the in-process CA takes for genuine. */
const GENUINE = 'Z2VudWluZQ';

/** What a token of the tests says. */
export interface TestClaims {
  readonly serviceAccount?: string;
  readonly podUid?: string;
  /** Tells tokens of one pod apart. */
  readonly id?: string;
  readonly lifeMs?: number;
  /** Signed by somebody else. */
  readonly isForged?: boolean;
}

interface Limits {
  readonly maxWaiting?: number;
  readonly maxPods?: number;
  readonly maxInFlight?: number;
  readonly ttlMs?: number;
}

/** The identities of a node as `app` builds them, behind a CA that refuses forged tokens; ended with the test. */
export function openNode(t: Test, hotPath: HotPath, limits: Limits = {}) {
  const { maxWaiting = 1000, maxPods = 1000, maxInFlight = 8, ttlMs = 3600_000 } = limits;
  const clock = new FakeClock(Date.now());
  const timers = new WallClockTimers(clock);
  const ca = new InProcessCa(hotPath, clock.now);
  ca.identityOf = (token) => {
    if (!token.endsWith(`.${GENUINE}`)) throw new IdentityError('ERR_CA_REFUSED_TOKEN', 'signature does not verify');
    const { sub } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    const [, , namespace, serviceAccount] = sub.split(':');
    return `spiffe://cluster.local/ns/${namespace}/sa/${serviceAccount}`;
  };
  const issuance = new SvidIssuance({
    ...{ keyType: 'ec-p256', ttlMs, issuer: ca, hotPath, maxInFlight, now: clock.now },
  });
  const logger = new RecordingLogger();
  const surroundings = { issuance, timers, bundles: new BundleInterner(), now: clock.now, random: () => 0.5, logger };
  const pods = new Pods({ ...surroundings, maxPods, graceMs: 60_000, proofAgeMs: 600_000 });
  const trustDomain = TrustDomain.parse('cluster.local');
  const gate = new TokenGate({
    ...surroundings,
    pods,
    podOf: (claims) => podIdentityOf(claims, trustDomain),
    maxWaiting,
  });
  t.teardown(async () => {
    await gate.close();
    await pods.close();
    timers.close();
  });
  const token = (claims: TestClaims = {}): Buffer => {
    const { serviceAccount = 'sleep', podUid = 'pod-1', id = 'a', lifeMs = 12 * 3600_000, isForged } = claims;
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const payload = {
      sub: `system:serviceaccount:foo:${serviceAccount}`,
      exp: Math.floor((clock.now() + lifeMs) / 1000),
      jti: id,
      'kubernetes.io': { namespace: 'foo', serviceaccount: { name: serviceAccount }, pod: { uid: podUid } },
    };
    return Buffer.from(`${part({ alg: 'RS256' })}.${part(payload)}.${isForged ? 'Zm9yZ2Vk' : GENUINE}`);
  };
  return { clock, ca, pods, gate, logger, token };
}

/** Whether a stream passes with this token without another question to the CA. */
export function isRemembered(pods: Pods, token: Buffer): boolean {
  return pods.find(hash('sha256', token, 'base64'), token) !== undefined;
}

/** What a stream of its own, which does not end, passes to the gate. */
export const aStream = (): CancelSignal => new CancelSource();
