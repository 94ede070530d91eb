import type { FailureRecord } from '../errors/index.js';
import { Field, Metric, type MetricRegistry } from '../telemetry/index.js';
import { failureSection } from './identity-section.js';
import type { JsonValue } from './status-pages.js';
import { timeText } from './time-text.js';

/** The CAs, in the order in which they are asked. */
export interface CaFacts {
  /** Of the one that gave the last certificate. */
  readonly address: string;
  /** What its connection has agreed on. */
  readonly agreement: { readonly tlsVersion: string; readonly keyExchange: string | undefined } | undefined;
  statuses(): readonly {
    readonly address: string;
    /** Epoch milliseconds, as all times. */
    readonly coolingUntilMs: number | undefined;
    readonly lastAnswerMs: number | undefined;
    readonly bundleCheckedMs: number | undefined;
    readonly lastFailure: FailureRecord | undefined;
  }[];
}

/** Sets the gauge of each CA: a cool-down ends by time alone. */
export function showCoolDowns(ca: CaFacts, metrics: MetricRegistry): void {
  for (const { address, coolingUntilMs } of ca.statuses()) {
    metrics.gauge(Metric.caCoolingDown, { address }).set(coolingUntilMs === undefined ? 0 : 1);
  }
}

/** How the agent speaks to the CA of the last certificate; nothing is known before the first connection. */
export function caSection({ address, agreement }: CaFacts): JsonValue {
  return {
    [Field.address]: address,
    [Field.tlsVersion]: agreement?.tlsVersion,
    [Field.keyExchange]: agreement?.keyExchange,
  };
}

/** All CAs, in the order in which they are asked. */
export function casSection(ca: CaFacts): JsonValue {
  return ca.statuses().map(standingOf);
}

function standingOf(standing: ReturnType<CaFacts['statuses']>[number]): JsonValue {
  const { address, coolingUntilMs, lastAnswerMs, bundleCheckedMs, lastFailure } = standing;
  return {
    [Field.address]: address,
    state: coolingUntilMs === undefined ? 'ready' : 'cooling_down',
    cooling_until: coolingUntilMs === undefined ? undefined : timeText(coolingUntilMs),
    last_certificate: lastAnswerMs === undefined ? undefined : timeText(lastAnswerMs),
    bundle_checked: bundleCheckedMs === undefined ? undefined : timeText(bundleCheckedMs),
    last_failure: failureSection(lastFailure),
  };
}
