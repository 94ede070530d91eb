import { type FailureRecord, failureRecord } from '../../errors/index.js';
import type { SpiffeId, TrustDomain } from '../../pki/spiffe/index.js';
import { isoTime } from '../../pki/x509/index.js';
import { Field, type LogFields, type Logger, Metric, type MetricRegistry } from '../../telemetry/index.js';
import {
  chooseIdentityFiles,
  type ExpectedIdentity,
  type FileDependencies,
  type IdentityPlace,
  identityPaths,
  type Parsed,
  parseIdentityFiles,
  ReloadedFiles,
  type Round,
} from '../files/index.js';
import { type IdentityStatus, SecretContent, type SvidChange } from '../identity/index.js';
import { certificateSecret } from './certificate-secret.js';
import { passedWarnings } from './expiry-warnings.js';
import { MountedRollover, type MountedRolloverOptions, type MountedSet } from './mounted-rollover.js';
import { encodeValidationContext, type PrivateKeyProvider } from './secret-codec.js';
import type { ServedIdentity } from './workload-secrets.js';

export interface MountedIdentityOptions
  extends FileDependencies,
    ExpectedIdentity,
    Pick<MountedRolloverOptions, 'delivery' | 'timers'> {
  readonly place: IdentityPlace;
  readonly privateKeyProvider: PrivateKeyProvider | undefined;
  readonly metrics: MetricRegistry;
  readonly logger: Logger;
}

/**
 * The identity of one workload that is in mounted files: key, chain and roots change together or not at all, what is
 * refused does not replace the last good ones, and a leaf of a new root waits for that root. Its owner closes it.
 */
export class MountedIdentity implements ServedIdentity {
  readonly mayChange = true;
  private readonly files: ReloadedFiles<MountedSet>;
  private readonly rollover: MountedRollover;
  private lastFailure: FailureRecord | undefined;
  private told = { serial: '', warnings: 0 };
  private readonly listeners = new Set<(change: SvidChange) => void>();
  private stopJudging = (): void => {};

  constructor(private readonly options: MountedIdentityOptions) {
    const { place } = options;
    const { paths, keyPaths } = identityPaths(place);
    this.files = new ReloadedFiles<MountedSet>(
      {
        what: 'identity',
        where: place.directory,
        isVital: true,
        paths: [],
        optionalPaths: paths,
        secretPaths: keyPaths,
        parse: (contents, round) => this.parse(contents, round),
        isSame: (one, other) => one.certificate === other.certificate && one.bundle === other.bundle,
        // What is the same in the new set goes on, and so does what is served until that may be.
        discard: ({ certificate }) => {
          if (certificate !== this.files.value?.certificate && !this.rollover.uses(certificate)) certificate.wipe();
        },
        onRefused: (error) => this.refused(error),
      },
      options,
      () => this.changed(),
    );
    this.rollover = new MountedRollover(options, (change) => {
      this.judgeEnd();
      for (const listener of this.listeners) listener(change);
    });
  }

  private get known(): MountedSet | undefined {
    return this.rollover.served;
  }

  get spiffeId(): SpiffeId | undefined {
    return this.known?.spiffeId;
  }

  get trustDomain(): TrustDomain {
    return this.options.trustDomain;
  }

  /** When the files were last read whole and found good, in epoch milliseconds; `undefined`: never. */
  get goodAtMs(): number | undefined {
    return this.files.goodAtMs;
  }

  /** Reads the files for the first time, and goes on looking at them. Never rejects. */
  async open(): Promise<void> {
    await this.files.open();
    this.stopJudging = this.options.watch.add(async () => this.judgeEnd());
    this.judgeEnd();
  }

  /** Wipes the key. Safe to call twice. */
  close(): void {
    this.stopJudging();
    this.rollover.close();
    this.files.close();
  }

  certificate(): SecretContent | undefined {
    return this.hasValidSvid() ? this.known?.certificate : undefined;
  }

  bundle(): SecretContent | undefined {
    return this.known?.bundle;
  }

  hasValidSvid(): boolean {
    return this.known !== undefined && this.options.now() < this.known.notAfterMs;
  }

  onChange(listener: (change: SvidChange) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** Where it stands; what was refused counts as a renewal that failed. */
  status(): Omit<IdentityStatus, 'spiffeId'> & { readonly spiffeId: string | undefined } {
    const { known } = this;
    return {
      spiffeId: (known?.spiffeId ?? this.options.spiffeId)?.toString(),
      svid: known === undefined ? 'none' : this.hasValidSvid() ? 'valid' : 'expired',
      serial: known?.serial,
      notBeforeMs: known?.notBeforeMs,
      notAfterMs: known?.notAfterMs,
      nextAttemptMs: undefined,
      outageToleranceMs: undefined,
      survivesOutage: undefined,
      failures: this.files.refusedLooks,
      lastFailure: this.files.refusedLooks > 0 ? this.lastFailure : undefined,
      held: known,
      token: undefined,
    };
  }

  private async parse(
    contents: readonly (Buffer | undefined)[],
    { held, leftOut }: Round<MountedSet>,
  ): Promise<Parsed<MountedSet>> {
    const { now, place, privateKeyProvider } = this.options;
    const nowMs = now();
    const chosen = await chooseIdentityFiles(place, contents);
    const hasOther = held !== undefined && nowMs < held.notAfterMs;
    const { pair, bundle, goodUntilMs, ...facts } = parseIdentityFiles(chosen, this.options, {
      nowMs,
      hasOther,
      leftOut,
    });
    const certificate = certificateSecret(pair, { staple: chosen.staple, nowMs, privateKeyProvider, leftOut });
    const roots = new SecretContent('validation-context', encodeValidationContext(bundle.toPem()));
    // Half of a set that is the same as before is no change of that half.
    const value = {
      ...facts,
      certificate: sameOr(held?.certificate, certificate),
      bundle: sameOr(held?.bundle, roots),
      chain: pair.links.map((link) => link.certificate),
    };
    return { value, goodUntilMs };
  }

  private changed(): void {
    const { value } = this.files;
    if (value !== undefined) this.rollover.take(value);
  }

  private refused(error: unknown): void {
    const { metrics, now } = this.options;
    const failure = failureRecord(error, now());
    this.lastFailure = failure;
    metrics.counter(Metric.identityFilesRefused, { code: failure.code }).add();
  }

  /** The agent does not renew them: the operator is told in time, and more often towards the end. */
  private judgeEnd(): void {
    const { known, told } = this;
    if (known === undefined) return;
    const { serial, spiffeId, notAfterMs } = known;
    const warnings = passedWarnings(known, this.options.now());
    const before = told.serial === serial ? told.warnings : 0;
    this.told = { serial, warnings };
    if (warnings <= before) return;
    const fields: LogFields = {
      [Field.spiffeId]: spiffeId?.toString(),
      [Field.path]: this.options.place.directory,
      [Field.serial]: serial,
      [Field.notAfter]: isoTime(notAfterMs),
    };
    if (this.hasValidSvid()) this.options.logger.warn('mounted certificate is about to expire', fields);
    else this.options.logger.error('mounted certificate has expired', fields);
  }
}

function sameOr(held: SecretContent | undefined, next: SecretContent): SecretContent {
  if (held === undefined || held.version !== next.version) return next;
  next.wipe();
  return held;
}
