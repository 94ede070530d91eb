import { errorCodeOf, messageOf } from '../../errors/index.js';
import type { HotPath } from '../../hotpath/index.js';
import { SpiffeId, type TrustDomain } from '../../pki/spiffe/index.js';
import { encodePem } from '../../pki/x509/index.js';
import { Field, type Logger } from '../../telemetry/index.js';
import {
  retryDelayMs,
  rotateAtMs,
  type ScheduledCall,
  systemClock,
  type TimerClock,
  WallClockTimers,
} from '../../timers/index.js';
import { decideValidity } from './issuing-policy.js';
import { DEFAULT_SERVER_NAMES } from './server-names.js';
import type { SigningAuthority } from './signing-authority.js';

export interface ServingCertificateOptions {
  readonly hotPath: Pick<HotPath, 'prepare' | 'issue'>;
  /** Asked at each certificate. */
  readonly authority: () => SigningAuthority;
  readonly trustDomain: TrustDomain;
  /** DNS names and IP addresses by which agents know us. */
  readonly serverNames?: readonly string[];
  /** Further ones, each left out while name constraints above the authority do not permit it. */
  readonly furtherNames?: readonly string[];
  readonly ttlMs?: number;
  readonly clock?: TimerClock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
}

/** A certificate and its key, as a TLS listener takes them. */
export interface ServingCredentials {
  /** PEM: the server's certificate, then its intermediates. */
  readonly certPem: Buffer;
  /** PEM. */
  readonly keyPem: Buffer;
}

/** What is shown of a serving certificate. */
export interface ServingFacts {
  readonly serial: string;
  readonly names: readonly string[];
  /** When it is renewed, and when it expires; epoch milliseconds. */
  readonly rotateAtMs: number;
  readonly notAfterMs: number;
}

/** Whatever terminates TLS with our certificate: a `TlsListener`. */
export interface CertificateUser {
  setCertificate(certificate: ServingCredentials): void;
}

/** Citadel's own certificate, issued by itself and renewed at half of its life. */
export interface ServingCertificate {
  readonly current: ServingCredentials;
  /** The same, for people. */
  readonly facts: ServingFacts;
  /** From now on `user` gets each new certificate; connections that live are not touched. */
  keepFresh(user: CertificateUser): void;
  /** Makes another certificate now, by another authority. Never rejects: without one the old one stays. */
  renewNow(): Promise<void>;
  /** Ends renewal. Safe to call twice. */
  close(): void;
}

/**
 * istiod's lives for 10 years and is not renewed on time (reference: Istio C32); ours proves daily that renewal works.
 */
const DEFAULT_TTL_MS = 24 * 3_600_000;

/**
 * Makes the first certificate, and renews it from then on. Rejects with the codes of {@link HotPath} and {@link
 * decideValidity}.
 */
export async function createServingCertificate(options: ServingCertificateOptions): Promise<ServingCertificate> {
  const renewal = new Renewal(options, await issueOwn(options));
  renewal.scheduleNext();
  return renewal;
}

interface OwnCertificate extends ServingCredentials, ServingFacts {}

class Renewal implements ServingCertificate {
  private readonly wheel: WallClockTimers;
  private readonly clock: TimerClock;
  private user: CertificateUser | undefined;
  private failures = 0;
  private next: ScheduledCall | undefined;
  private isClosed = false;

  constructor(
    private readonly options: ServingCertificateOptions,
    private own: OwnCertificate,
  ) {
    this.clock = options.clock ?? systemClock;
    this.wheel = new WallClockTimers(this.clock);
  }

  get current(): ServingCredentials {
    return this.own;
  }

  get facts(): ServingFacts {
    return this.own;
  }

  keepFresh(user: CertificateUser): void {
    this.user = user;
  }

  close(): void {
    this.isClosed = true;
    this.wheel.close();
  }

  async renewNow(): Promise<void> {
    this.next?.cancel();
    await this.renew();
  }

  scheduleNext(): void {
    const nowMs = this.clock.now();
    const { rotateAtMs: dueAtMs, notAfterMs } = this.own;
    const remainingMs = Math.max(0, notAfterMs - nowMs);
    const failed = { kind: 'away', failures: this.failures, remainingMs } as const;
    const retryMs = retryDelayMs(failed, this.options.random());
    this.next?.cancel();
    this.next = this.wheel.schedule(this.failures === 0 ? dueAtMs : nowMs + retryMs, () => void this.renew());
  }

  /** Never rejects: a failure keeps the old certificate, and is tried again. */
  private async renew(): Promise<void> {
    try {
      const renewed = await issueOwn(this.options);
      if (this.isClosed) {
        renewed.keyPem.fill(0);
        return;
      }
      this.user?.setCertificate(renewed);
      this.own.keyPem.fill(0);
      this.own = renewed;
      this.failures = 0;
    } catch (error) {
      if (this.isClosed) return;
      this.failures += 1;
      this.options.logger.warn('serving certificate could not be renewed, the old one stays', {
        [Field.code]: errorCodeOf(error),
        [Field.error]: messageOf(error),
        [Field.notAfter]: new Date(this.own.notAfterMs).toISOString(),
      });
    }
    this.scheduleNext();
  }
}

async function issueOwn(options: ServingCertificateOptions): Promise<OwnCertificate> {
  const { hotPath, trustDomain, ttlMs = DEFAULT_TTL_MS, clock = systemClock, random, logger } = options;
  const authority = options.authority();
  const nowMs = clock.now();
  const limits = { defaultTtlMs: ttlMs, maxTtlMs: ttlMs };
  const { notBeforeMs, notAfterMs } = decideValidity(ttlMs / 1000, limits, authority.notAfterMs, nowMs);
  // The ID in the request only fills it: a leaf has the names that `issue` is told.
  const spiffeId = SpiffeId.forServiceAccount(trustDomain, 'istio-system', 'istiod').toString();
  const { privateKey, csrPem } = await hotPath.prepare({ spiffeId, keyType: 'ec-p256' });
  const keyPem = encodePem('PRIVATE KEY', privateKey);
  privateKey.fill(0);
  const names = namesNow(options, authority);
  const { leafPem, serial } = await hotPath.issue({
    ...{ csrPem, subjectAltNames: names, notBeforeMs, notAfterMs },
    signer: authority.signer,
  });
  const dueAtMs = rotateAtMs({ receivedAtMs: nowMs, notBeforeMs, notAfterMs }, random());
  logger.info('serving certificate issued', {
    [Field.serial]: serial,
    [Field.notAfter]: new Date(notAfterMs).toISOString(),
    [Field.rotateAt]: new Date(dueAtMs).toISOString(),
  });
  const certPem = Buffer.concat([leafPem, ...authority.intermediatesPem.map((pem) => Buffer.from(pem, 'latin1'))]);
  return { certPem, keyPem, serial, names, rotateAtMs: dueAtMs, notAfterMs };
}

function namesNow(
  { serverNames = DEFAULT_SERVER_NAMES, furtherNames = [] }: ServingCertificateOptions,
  authority: SigningAuthority,
): readonly string[] {
  const permitted = furtherNames.filter((name) => authority.nameProblem(name) === undefined);
  return [...new Set([...serverNames, ...permitted])];
}
