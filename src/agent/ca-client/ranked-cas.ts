import { type FailureRecord, failureRecord } from '../../errors/index.js';
import { Field, type Logger, Metric, type MetricRegistry } from '../../telemetry/index.js';
import type { CaEndpoint } from './ca-endpoint.js';
import type { CaFailure } from './ca-failure.js';
import { type CoolDown, coolDownAfter, isCooling } from './cool-down.js';

export interface RankedCasOptions {
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** In [0, 1). */
  readonly random: () => number;
}

/** How one CA stands as one of several. No secret is in it. */
export interface CaStanding {
  readonly address: string;
  /** Epoch milliseconds; `undefined` for one that is asked as its rank is. */
  readonly coolingUntilMs: number | undefined;
  /** When it last gave a certificate, in epoch milliseconds. */
  readonly lastAnswerMs: number | undefined;
  /** Since its last certificate. */
  readonly lastFailure: FailureRecord | undefined;
}

/** One CA and how it stands. */
export interface RankedCa {
  readonly endpoint: CaEndpoint;
  /** The place in the order, from 0. */
  readonly rank: number;
}

interface Standing extends RankedCa {
  coolDown: CoolDown | undefined;
  /** A call is finding out whether it is well again: the others need not wait for that. */
  isProbed: boolean;
  lastAnswerMs: number | undefined;
  lastFailure: CaStanding['lastFailure'];
}

/**
 * CAs in the order in which they are asked: the first that is well. One that fails cools down; afterwards one call
 * tries it again, while the others go where they went before.
 */
export class RankedCas {
  private readonly standings: readonly Standing[];
  private currentRank: number | undefined;

  constructor(
    endpoints: readonly CaEndpoint[],
    private readonly options: RankedCasOptions,
  ) {
    this.standings = endpoints.map((endpoint, rank) => {
      return { endpoint, rank, coolDown: undefined, isProbed: false, lastAnswerMs: undefined, lastFailure: undefined };
    });
  }

  get all(): readonly RankedCa[] {
    return this.standings;
  }

  /** The one that gave the last certificate; before any, the first. */
  get current(): CaEndpoint {
    return this.standing(this.currentRank ?? 0).endpoint;
  }

  /**
   * Whom to ask now: the first of the well ones; without one, that which this call has tried least often. `attempts`
   * has all that may be asked, by how often they were.
   */
  choose(attempts: ReadonlyMap<number, number>): RankedCa {
    const nowMs = this.options.now();
    const candidates = this.standings.filter(({ rank }) => attempts.has(rank));
    const well = candidates.find(({ coolDown, isProbed }) => !isProbed && !isCooling(coolDown, nowMs));
    const [leastTried] = [...candidates].sort((a, b) => (attempts.get(a.rank) ?? 0) - (attempts.get(b.rank) ?? 0));
    const chosen = well ?? leastTried ?? this.standing(0);
    if (chosen === well && chosen.coolDown !== undefined) chosen.isProbed = true;
    return chosen;
  }

  /** The CA has given a certificate. */
  succeeded({ rank }: RankedCa): void {
    const standing = this.standing(rank);
    const { address } = standing.endpoint;
    this.count(address, 'OK');
    this.answered(standing);
    standing.lastAnswerMs = this.options.now();
    standing.lastFailure = undefined;
    if (this.currentRank === rank) return;
    const previous = this.currentRank === undefined ? undefined : this.current.address;
    this.currentRank = rank;
    this.tell('info', 'certificates come from this ca', { [Field.address]: address, [Field.previous]: previous });
  }

  /** An attempt has failed: the CA cools down where another one might have done better. */
  failed({ rank }: RankedCa, { error, failsOver }: CaFailure): void {
    const { now, random } = this.options;
    const standing = this.standing(rank);
    const { address } = standing.endpoint;
    this.count(address, error.code);
    standing.lastFailure = failureRecord(error, now());
    if (!failsOver) {
      this.answered(standing);
      return;
    }
    standing.isProbed = false;
    // Calls that were under way together fail together: that is one failure.
    if (isCooling(standing.coolDown, now())) return;
    const isNews = standing.coolDown === undefined;
    const draw = random();
    standing.coolDown = coolDownAfter(standing.coolDown, { nowMs: now(), draw, retryAfterMs: error.retryAfterMs ?? 0 });
    this.tell(isNews ? 'warn' : 'debug', 'ca is cooling down', {
      [Field.address]: address,
      [Field.code]: error.code,
      [Field.error]: error.message,
      [Field.until]: new Date(endOf(standing.coolDown)).toISOString(),
    });
  }

  /** An attempt was cancelled, and says nothing of the CA. */
  cancelled({ rank }: RankedCa): void {
    this.standing(rank).isProbed = false;
  }

  statuses(): readonly CaStanding[] {
    const nowMs = this.options.now();
    return this.standings.map(({ endpoint, coolDown, lastAnswerMs, lastFailure }) => {
      const coolingUntilMs = isCooling(coolDown, nowMs) ? endOf(coolDown) : undefined;
      return { address: endpoint.address, coolingUntilMs, lastAnswerMs, lastFailure };
    });
  }

  private answered(standing: Standing): void {
    const { address } = standing.endpoint;
    if (standing.coolDown !== undefined) this.tell('info', 'ca is well again', { [Field.address]: address });
    standing.coolDown = undefined;
    standing.isProbed = false;
  }

  private count(address: string, code: string): void {
    this.options.metrics.counter(Metric.caAttempts, { address, code }).add();
  }

  /** With one CA there is no choice to tell of. */
  private tell(level: 'info' | 'warn' | 'debug', message: string, fields: Parameters<Logger['info']>[1]): void {
    if (this.standings.length > 1) this.options.logger[level](message, fields);
  }

  private standing(rank: number): Standing {
    const standing = this.standings[rank];
    if (standing === undefined) throw new RangeError(`no CA of rank ${rank}`);
    return standing;
  }
}

function endOf({ sinceMs, lengthMs }: CoolDown): number {
  return sinceMs + lengthMs;
}
