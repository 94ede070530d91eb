import {
  type AutomaticState,
  automaticVerdict,
  defaultLeadMs,
  type LiveAuthority,
  ROOT_STATES,
  type RootLife,
  type RotationRecord,
  rotationOf,
  wipeKeys,
} from '../../citadel/authority/index.js';
import { errorCodeOf, IdentityError, messageOf } from '../../errors/index.js';
import type { TrustDomain } from '../../pki/spiffe/index.js';
import { Field, type Logger, Metric, type MetricRegistry } from '../../telemetry/index.js';
import { type Every, everyUnreferenced, monotonicMs } from '../../timers/index.js';
import { type Automatic, stageRoot, stepRoot } from './root-change.js';
import type { RootPlace } from './root-place.js';

/** One read of the store. Settling times are hours; shorter ones, of trials, are looked at four times. */
const MAX_LOOK_MS = 60_000;
const MIN_LOOK_MS = 500;

/** What holds up a change is told again so often. */
const TELL_AGAIN_MS = 3_600_000;

export interface AutomaticRootChangeOptions {
  readonly live: Pick<LiveAuthority, 'current' | 'reload'>;
  readonly place: RootPlace;
  /** Why Citadel has no right to replace the authority of now; `undefined` when it has. */
  readonly foreign: () => string | undefined;
  readonly trustDomain: TrustDomain;
  readonly serverNames: readonly string[];
  /** As of `--root-change-before`. */
  readonly lead: number | 'off' | undefined;
  readonly settleMs: number;
  readonly longestTtlMs: () => number;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Milliseconds of a clock that is never set. */
  readonly monotonic?: () => number;
  readonly every?: Every;
}

/** For status pages. */
export interface AutomaticRootChangeState {
  readonly state: AutomaticState;
  /** When it goes on; epoch milliseconds. */
  readonly untilMs?: number;
  /** What holds it up, or fails, or why it is a person's. */
  readonly reason?: string;
}

/**
 * Changes the root before its end. All that it knows is in the store: each look decides by what is kept there, and each
 * step is one write that is refused when another process has changed it meanwhile. So any replica may take any step,
 * and one that is killed leaves nothing behind.
 */
export class AutomaticRootChange {
  private readonly stop: () => void;
  private current: AutomaticRootChangeState = { state: 'waiting' };
  private looking: Promise<void> | undefined;
  /** Since when, by the monotonic clock, the store has told of this step. */
  private seen: { readonly since: string; readonly atMs: number } | undefined;
  private told: { readonly state: AutomaticState; readonly atMs: number } | undefined;
  private isClosed = false;

  constructor(private readonly options: AutomaticRootChangeOptions) {
    const { every = everyUnreferenced, settleMs } = options;
    this.stop = every(Math.min(MAX_LOOK_MS, Math.max(MIN_LOOK_MS, settleMs / 4)), () => void this.look());
    void this.look();
  }

  get state(): AutomaticRootChangeState {
    return this.current;
  }

  /** Looks at the store, and takes a step that is due. Never rejects. */
  look(): Promise<void> {
    if (this.isClosed) return Promise.resolve();
    this.looking ??= this.lookOnce().finally(() => {
      this.looking = undefined;
    });
    return this.looking;
  }

  /** Waits for a step that is being taken. Safe to call twice. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.stop();
    await this.looking;
  }

  private async lookOnce(): Promise<void> {
    try {
      const files = await this.options.place.read();
      wipeKeys(files);
      await this.follow(rotationOf(files));
    } catch (error) {
      this.become({ state: 'failing', reason: messageOf(error) }, error);
    }
  }

  private async follow(record: RotationRecord): Promise<void> {
    const { now } = this.options;
    const verdict = this.judge(record);
    switch (verdict.kind) {
      case 'waiting':
      case 'settling':
        return this.become({ state: verdict.kind, untilMs: verdict.untilMs });
      case 'by-hand':
        return this.become({ state: 'by-hand', reason: verdict.reason });
      case 'due':
        break;
      default:
        return verdict satisfies never;
    }
    const { action, isLastCall } = verdict;
    try {
      await this.take(action, false, now());
    } catch (error) {
      if (errorCodeOf(error) !== 'ERR_ROTATION_REFUSED') throw error;
      if (!isLastCall) return this.become({ state: 'held-up', reason: messageOf(error) }, error);
      this.options.logger.error('the root is about to expire: the next one signs from now on, and these break', {
        [Field.error]: messageOf(error),
      });
      await this.take(action, true, now());
    }
  }

  private judge(record: RotationRecord) {
    const { now, monotonic = monotonicMs } = this.options;
    const since = `${record.step} ${record.since}`;
    if (this.seen?.since !== since) this.seen = { since, atMs: monotonic() };
    return automaticVerdict(this.life(), { record, seenForMs: monotonic() - this.seen.atMs }, now());
  }

  private life(): RootLife {
    const { live, lead, longestTtlMs, foreign, settleMs } = this.options;
    const { signer, notAfterMs } = live.current;
    const notBeforeMs = Date.parse(signer.certificate.validFrom);
    const leadMs = lead ?? defaultLeadMs(notAfterMs - notBeforeMs, longestTtlMs());
    return { notBeforeMs, notAfterMs, leadMs, settleMs, foreign: foreign() };
  }

  private async take(action: 'stage' | 'activate' | 'retire', isForced: boolean, nowMs: number): Promise<void> {
    const { place, trustDomain, serverNames, live, logger } = this.options;
    const automatic: Automatic = {
      insist: (record) => {
        const verdict = this.judge(record);
        if (verdict.kind === 'due' && verdict.action === action) return;
        throw new IdentityError('ERR_ROTATION_REFUSED', `${action}: another process has changed the root meanwhile`);
      },
    };
    const config = { trustDomain, serverNames, from: undefined, isForced, longestTtlMs: undefined };
    const { record } =
      action === 'stage'
        ? await stageRoot(place, config, nowMs, automatic)
        : await stepRoot(place, config, action, nowMs, automatic);
    logger.info('the change of the root has taken a step', { [Field.step]: action });
    await live.reload();
    const sinceMs = Date.parse(record.since ?? '');
    const isDone = record.step === 'steady';
    this.become(isDone ? { state: 'waiting' } : { state: 'settling', untilMs: sinceMs + this.options.settleMs });
  }

  private become(state: AutomaticRootChangeState, error?: unknown): void {
    const { logger, metrics, now } = this.options;
    this.current = state;
    for (const one of ROOT_STATES)
      metrics.gauge(Metric.rootChangeState, { state: one }).set(one === state.state ? 1 : 0);
    if (state.reason === undefined) {
      this.told = undefined;
      return;
    }
    if (this.told?.state === state.state && now() < this.told.atMs + TELL_AGAIN_MS) return;
    this.told = { state: state.state, atMs: now() };
    const fields = { [Field.reason]: state.reason, ...(error !== undefined && { [Field.code]: errorCodeOf(error) }) };
    logger.warn(MESSAGES[state.state], fields);
  }
}

const MESSAGES: Readonly<Record<AutomaticState, string>> = {
  waiting: '',
  settling: '',
  'held-up': 'the change of the root is held up',
  failing: 'the change of the root could not be looked at, or not go on',
  'by-hand': 'the root has to be changed by hand',
};
