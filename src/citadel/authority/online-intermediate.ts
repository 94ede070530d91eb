import { createHash, X509Certificate } from 'node:crypto';
import { errorCodeOf, IdentityError, messageOf } from '../../errors/index.js';
import type { Signer } from '../../hotpath/index.js';
import type { TrustDomain } from '../../pki/spiffe/index.js';
import { Field, type Logger, Metric, MetricRegistry } from '../../telemetry/index.js';
import { retryDelayMs, type ScheduledCall, systemClock, type TimerClock, WallClockTimers } from '../../timers/index.js';
import {
  chooseIntermediate,
  intermediateLifeMs,
  newestUsable,
  renewAtMs,
  usedFromMs,
} from './intermediate-schedule.js';
import { decodeIntermediates, encodeIntermediates, type Intermediate, isBelow } from './intermediate-set.js';
import type { IntermediateStore } from './intermediate-store.js';
import type { LiveAuthority } from './live-authority.js';
import { makeIntermediate } from './make-intermediate.js';
import { DEFAULT_SERVER_NAMES } from './server-names.js';
import { authorityOf, type SigningAuthority } from './signing-authority.js';

export interface OnlineIntermediateOptions {
  /** What signs the intermediates. */
  readonly live: Pick<LiveAuthority, 'current' | 'rotation' | 'otherSigners' | 'onChange'>;
  readonly store: IntermediateStore;
  readonly trustDomain: TrustDomain;
  /** As of the authority: names that it must be able to issue. */
  readonly serverNames?: readonly string[];
  /** Whether a critical name constraint permits the URIs of the trust domain alone. */
  readonly isConstrained: boolean;
  /** The life of each one, in milliseconds; left out, as long as the leaves want it. */
  readonly lifeMs?: number | undefined;
  /** The longest life of a leaf, in milliseconds. */
  readonly leafLifeMs: () => number;
  readonly logger: Logger;
  readonly metrics?: MetricRegistry;
  readonly clock?: TimerClock;
  /** In [0, 1). */
  readonly random: () => number;
}

/** What is shown of it. Times in epoch milliseconds. */
export interface IntermediateState {
  readonly serial: string;
  /** SHA-256 of its certificate, hex. */
  readonly fingerprint: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** When the next one is to be made; infinite when the authority above ends with this one. */
  readonly renewAtMs: number;
  /** One that is known and does not sign yet. */
  readonly next: { readonly serial: string; readonly usedFromMs: number } | undefined;
  readonly isConstrained: boolean;
  /** Where they are kept. */
  readonly place: string;
  /** Why there is no newer one though it is time; `undefined` when all is well. */
  readonly problem: string | undefined;
}

/** Another replica may have made one, and the clock may have been set. */
const LOOK_MS = 30_000;

/** A failure that lasts is told again so often. */
const TELL_AGAIN_MS = 3_600_000;

/** The last part of its life, in which a person has to act. */
const URGENT_PARTS = 4;

interface Composed {
  readonly intermediate: Intermediate;
  readonly above: SigningAuthority;
  readonly authority: SigningAuthority;
}

/** What the store has. */
interface Known {
  /** SHA-256 of it, by which it is known to be the same; empty for nothing. */
  readonly digest: string;
  readonly all: readonly Intermediate[];
}

interface Failure {
  readonly message: string;
  readonly count: number;
  readonly toldAtMs: number;
}

/**
 * The CA below the authority that leaves are signed with: Citadel makes it, has its successor sign from the middle of
 * its life on, and shares both with all replicas by a store. A successor is known for an hour before it signs. When the
 * authority, or the store, is away, issuing goes on until the one in use ends.
 */
export class OnlineIntermediate {
  private readonly timers: WallClockTimers;
  private readonly listeners: (() => void)[] = [];
  private readonly keyListeners: (() => void)[] = [];
  private next: ScheduledCall | undefined;
  private working: Promise<void> | undefined;
  /** By the wall clock; epoch milliseconds. */
  private lookAtMs = Number.POSITIVE_INFINITY;
  private isLookWanted = false;
  /** Nothing is known yet of a root that the authority has come to. */
  private hasToLook = false;
  private isClosed = false;
  private failure: Failure | undefined;

  private constructor(
    private readonly options: Required<Pick<OnlineIntermediateOptions, 'clock' | 'metrics'>> &
      OnlineIntermediateOptions,
    private known: Known,
    private composed: Composed,
  ) {
    this.timers = new WallClockTimers(options.clock);
    options.live.onChange(() => {
      // One that was made for it while it was staged signs at once.
      this.hasToLook = true;
      this.compose();
      void this.look();
    });
  }

  /**
   * Takes the one that is kept, else makes one.
   * @throws IdentityError `ERR_SIGNER_INVALID`: the store cannot be read or written, has something else, or leaves of
   *   the intermediate would be refused; `ERR_CA_KEY_UNAVAILABLE`; what the store throws.
   */
  static async open(given: OnlineIntermediateOptions): Promise<OnlineIntermediate> {
    const options = { ...given, clock: given.clock ?? systemClock, metrics: given.metrics ?? new MetricRegistry() };
    let known = await readKnown(options.store);
    if (composedOf(options, known.all, options.clock.now()) === undefined) {
      const { signer, notAfterMs } = options.live.current;
      known = await renewed(options, signer, notAfterMs);
    }
    const composed = composedOf(options, known.all, options.clock.now());
    if (composed === undefined) {
      throw new IdentityError('ERR_SIGNER_INVALID', `${options.store.name}: got no intermediate that can sign now`);
    }
    const { intermediate } = composed;
    options.logger.info('online intermediate loaded', fieldsOf(intermediate, { [Field.path]: options.store.name }));
    const opened = new OnlineIntermediate(options, known, composed);
    await opened.look();
    return opened;
  }

  /** Never changes itself: what is issued by it is of one piece. */
  get current(): SigningAuthority {
    const nowMs = this.options.clock.now();
    if (nowMs >= this.lookAtMs) {
      // Before its timer, which does not see at once that a clock was set, or a machine suspended.
      this.compose();
      this.lookAtMs = Math.max(nowMs + 1, this.nextLookMs(nowMs));
      void this.look();
    }
    return this.composed.authority;
  }

  /** All keys whose leaves may be valid, and those that are to sign next. */
  get signers(): readonly Signer[] {
    const nowMs = this.options.clock.now();
    return this.known.all.filter(({ notAfterMs }) => notAfterMs > nowMs).map(({ signer }) => signer);
  }

  /** Whether each root that is to sign next has one below it, so that all {@link signers} of then are known. */
  get isComplete(): boolean {
    return !this.hasToLook;
  }

  get state(): IntermediateState {
    const { intermediate, above } = this.composed;
    const { certificate, material } = intermediate.signer;
    const newest = newestUsable(this.below(above.signer), this.options.clock.now()) ?? intermediate;
    return {
      serial: serialOf(intermediate),
      fingerprint: material.id,
      notBeforeMs: Date.parse(certificate.validFrom),
      notAfterMs: intermediate.notAfterMs,
      renewAtMs: renewAtMs(newest, above.notAfterMs),
      next: isSameKey(newest, intermediate) ? undefined : { serial: serialOf(newest), usedFromMs: usedFromMs(newest) },
      isConstrained: intermediate.permittedHost !== undefined,
      place: this.options.store.name,
      problem: this.failure?.message,
    };
  }

  /** Calls `listener` each time another one signs, or what is above it has changed. */
  onChange(listener: () => void): void {
    this.listeners.push(listener);
  }

  /** Calls `listener` each time there are other {@link signers}, before a new one signs. */
  onKeysChange(listener: () => void): void {
    this.keyListeners.push(listener);
  }

  /** Safe to call twice. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.timers.close();
    await this.working;
  }

  /** Reads what others have made, and makes what is due. Never rejects: there is one that signs. */
  private look(): Promise<void> {
    this.isLookWanted = true;
    this.working ??= this.lookWhileWanted().finally(() => {
      this.working = undefined;
    });
    return this.working;
  }

  private async lookWhileWanted(): Promise<void> {
    while (this.isLookWanted && !this.isClosed) {
      this.isLookWanted = false;
      try {
        this.learn(await readKnown(this.options.store, this.known));
        await this.renewDue();
        // Another root may have come meanwhile, which is looked at next.
        if (!this.isLookWanted) this.hasToLook = false;
        if (this.failure !== undefined) this.options.logger.info('online intermediate is well again');
        this.failure = undefined;
      } catch (error) {
        this.fail(error);
      }
      this.compose();
    }
    this.scheduleNext();
  }

  /** Below the authority, and while a root is staged below that as well, so that its lists come before its leaves. */
  private async renewDue(): Promise<void> {
    const { live } = this.options;
    const { current, rotation } = live;
    const others = rotation?.step === 'staged' ? await live.otherSigners() : [];
    for (const above of [current.signer, ...others]) {
      const newest = newestUsable(this.below(above), this.options.clock.now());
      const aboveNotAfterMs = above === current.signer ? current.notAfterMs : endOf(above);
      if (newest !== undefined && renewAtMs(newest, aboveNotAfterMs) > this.options.clock.now()) continue;
      this.learn(await renewed(this.options, above, aboveNotAfterMs));
    }
  }

  private below({ certificate }: Signer): readonly Intermediate[] {
    const host = wantedHost(this.options);
    return this.known.all.filter((one) => isBelow(one, certificate, host));
  }

  private learn(known: Known): void {
    if (known.digest === this.known.digest) return;
    this.known = known;
    for (const listener of this.keyListeners) listener();
  }

  /** The one that has come to sign now, if there is another one. Never throws: the last good one stays. */
  private compose(): void {
    const { logger, clock } = this.options;
    const before = this.composed;
    try {
      const composed = composedOf(this.options, this.known.all, clock.now());
      if (composed === undefined || isSame(composed, before)) return;
      this.composed = composed;
      if (!isSameKey(composed.intermediate, before.intermediate)) {
        const previous = { [Field.previous]: serialOf(before.intermediate) };
        logger.info('online intermediate signs now', fieldsOf(composed.intermediate, previous));
      }
      for (const listener of this.listeners) listener();
    } catch (error) {
      this.fail(error);
    }
  }

  private scheduleNext(): void {
    if (this.isClosed) return;
    const nowMs = this.options.clock.now();
    this.next?.cancel();
    this.lookAtMs = this.nextLookMs(nowMs);
    this.next = this.timers.schedule(this.lookAtMs, () => void this.look());
  }

  private nextLookMs(nowMs: number): number {
    const { renewAtMs: dueAtMs, next, notAfterMs } = this.state;
    const wanted = this.failure === undefined ? dueAtMs : nowMs + this.retryMs(this.failure.count, notAfterMs - nowMs);
    return Math.min(nowMs + LOOK_MS, Math.max(nowMs, wanted), next?.usedFromMs ?? Number.POSITIVE_INFINITY);
  }

  private retryMs(count: number, leftMs: number): number {
    const failed = { kind: 'away', failures: count - 1, remainingMs: Math.max(0, leftMs) } as const;
    return retryDelayMs(failed, this.options.random());
  }

  private fail(error: unknown): void {
    const { clock, logger, metrics } = this.options;
    const [message, nowMs] = [messageOf(error), clock.now()];
    metrics.counter(Metric.onlineIntermediateFailures).add(1);
    const { count = 0, toldAtMs = Number.NEGATIVE_INFINITY } = this.failure ?? {};
    const isTold = Math.abs(nowMs - toldAtMs) < TELL_AGAIN_MS;
    this.failure = { message, count: count + 1, toldAtMs: isTold ? toldAtMs : nowMs };
    if (isTold) return;
    const { madeAtMs, notAfterMs } = this.composed.intermediate;
    const isUrgent = (notAfterMs - nowMs) * URGENT_PARTS < notAfterMs - madeAtMs;
    logger[isUrgent ? 'error' : 'warn']('online intermediate cannot be renewed, the one in use stays', {
      [Field.code]: errorCodeOf(error),
      [Field.error]: message,
      [Field.notAfter]: new Date(notAfterMs).toISOString(),
    });
  }
}

/** `last` when that is what it still has: each reading puts the keys into memory once more. */
async function readKnown(store: IntermediateStore, last?: Known): Promise<Known> {
  const kept = await store.read();
  if (kept === undefined) return { digest: '', all: [] };
  try {
    const digest = createHash('sha256').update(kept).digest('hex');
    if (digest === last?.digest) return last;
    const all = decodeIntermediates(kept, store.name);
    // Their keys stay where they sign.
    for (const { pem } of all) pem.fill(0);
    return { digest, all };
  } finally {
    kept.fill(0);
  }
}

/** Signs one by `above`, unless another replica has made one meanwhile; what is kept then. */
async function renewed(
  options: OnlineIntermediateOptions & { readonly clock: TimerClock; readonly metrics: MetricRegistry },
  above: Signer,
  aboveNotAfterMs: number,
): Promise<Known> {
  const { store, clock, trustDomain, isConstrained, logger, metrics } = options;
  const { lifeMs = intermediateLifeMs(options.leafLifeMs()) } = options;
  const nowMs = clock.now();
  const made = await makeIntermediate(above, { trustDomain, isConstrained, lifeMs, aboveNotAfterMs, nowMs });
  let isKept = false;
  await store.change((kept) => {
    const before = kept === undefined ? [] : decodeIntermediates(kept, store.name);
    const rival = newestUsable(
      before.filter((one) => isBelow(one, above.certificate, made.permittedHost)),
      nowMs,
    );
    isKept = rival === undefined || renewAtMs(rival, aboveNotAfterMs) <= nowMs;
    const changed = isKept ? encodeIntermediates([made, ...before.filter((one) => one.notAfterMs > nowMs)]) : undefined;
    for (const { pem } of before) pem.fill(0);
    return changed;
  });
  made.pem.fill(0);
  if (isKept) {
    logger.info('online intermediate made', fieldsOf(made, { [Field.path]: store.name }));
    metrics.counter(Metric.onlineIntermediatesMade).add(1);
  }
  return readKnown(store);
}

/** Leaves, by the intermediate that signs at this time; `undefined` when there is none. */
function composedOf(
  options: OnlineIntermediateOptions,
  known: readonly Intermediate[],
  nowMs: number,
): Composed | undefined {
  const { live, trustDomain, serverNames = DEFAULT_SERVER_NAMES } = options;
  const { current: above } = live;
  const { certificate } = above.signer;
  const intermediate = chooseIntermediate(
    known.filter((one) => isBelow(one, certificate, wantedHost(options))),
    nowMs,
  );
  if (intermediate === undefined) return undefined;
  const chain = [certificate, ...above.intermediatesPem.map((pem) => new X509Certificate(pem))];
  const { signer } = intermediate;
  const parts = { signer, chain, bundle: above.bundle, authorityId: above.authorityId };
  return { intermediate, above, authority: authorityOf(parts, { trustDomain, serverNames }, nowMs) };
}

function isSame(one: Composed, other: Composed): boolean {
  return one.above === other.above && isSameKey(one.intermediate, other.intermediate);
}

/** Each look reads them again. */
function isSameKey(one: Intermediate, other: Intermediate): boolean {
  return one.signer.material.id === other.signer.material.id;
}

function wantedHost({ isConstrained, trustDomain }: OnlineIntermediateOptions): string | undefined {
  return isConstrained ? trustDomain.name : undefined;
}

function endOf({ certificate }: Signer): number {
  return Date.parse(certificate.validTo);
}

function serialOf({ signer }: Intermediate): string {
  return signer.certificate.serialNumber.toLowerCase();
}

function fieldsOf(intermediate: Intermediate, more: object) {
  return {
    [Field.serial]: serialOf(intermediate),
    [Field.notAfter]: new Date(intermediate.notAfterMs).toISOString(),
    ...more,
  };
}
