import type { Counter, CounterDefinition, Gauge, GaugeDefinition, MetricRegistry } from '../../../telemetry/index.js';
import type { QuotaName } from '../ledger/peer-ledger.js';
import type { Refusal } from './connection-limits.js';
import type { Idleness } from './connection-watch.js';

const REFUSALS: readonly Refusal[] = [
  ...(['uid_not_allowed', 'too_many', 'too_many_of_uid', 'too_many_of_address', 'misbehaved'] as const),
];
const IDLENESSES: readonly Idleness[] = ['silent', 'unfinished', 'unread'];

/** What a peer did. */
const BREACHES = ['flood', 'protocol'] as const;

/** A peer that did nothing wrong: another needed its place, or it had no call. */
const USELESS = ['displaced', 'unused'] as const;

/** Why a connection was ended. */
export type EndReason = Idleness | (typeof BREACHES)[number] | (typeof USELESS)[number];

const CALL_REFUSALS = [
  ...([
    'too_many',
    'displaced',
    'memory',
    'misbehaved',
    'too_large',
    'unfinished',
    'protocol',
    'unimplemented',
  ] as const),
] as const;

/**
 * Why a call was refused or ended before its method had answered it: there was no place for it, or others needed its
 * place; it made us keep too many octets; its peer had brought too many bad tokens; a message was too large, did not
 * come in time, or was none; there is no such method, or no such form of a message.
 */
export type CallRefusal = (typeof CALL_REFUSALS)[number];

const KINDS: readonly QuotaName[] = ['service', 'watch', 'health', 'reflection', 'other'];

/** What a server counts, under the names that its owner gives it. Labels have values from the closed lists here. */
export interface GrpcServerMetrics {
  readonly registry: MetricRegistry;
  /** Open. */
  readonly connections: GaugeDefinition;
  /** By `reason`. */
  readonly connectionsRefused: CounterDefinition;
  /** By `reason`. */
  readonly connectionsEnded: CounterDefinition;
  /** Open, by `kind`. */
  readonly calls: GaugeDefinition;
  /** By `reason`. */
  readonly callsRefused: CounterDefinition;
  /** Octets that peers make the server hold. */
  readonly heldBytes: GaugeDefinition;
}

/** What a server holds at one moment. */
export interface ServerLoad {
  readonly connections: number;
  readonly calls: Readonly<Record<QuotaName, number>>;
  readonly heldBytes: number;
}

/** The counters of one server; made at once, so that a rate can be told from the first one on. */
export class ServerCounters {
  private readonly refused: Readonly<Record<Refusal, Counter>>;
  private readonly ended: Readonly<Record<EndReason, Counter>>;
  private readonly refusedCalls: Readonly<Record<CallRefusal, Counter>>;
  private readonly calls: Readonly<Record<QuotaName, Gauge>>;
  private readonly connections: Gauge;
  private readonly heldBytes: Gauge;

  constructor({ registry, ...names }: GrpcServerMetrics) {
    const counted = (definition: CounterDefinition) => (reason: string) => registry.counter(definition, { reason });
    this.refused = recordOf(REFUSALS, counted(names.connectionsRefused));
    this.ended = recordOf([...IDLENESSES, ...BREACHES, ...USELESS], counted(names.connectionsEnded));
    this.refusedCalls = recordOf(CALL_REFUSALS, counted(names.callsRefused));
    this.calls = recordOf(KINDS, (kind) => registry.gauge(names.calls, { kind }));
    this.connections = registry.gauge(names.connections);
    this.heldBytes = registry.gauge(names.heldBytes);
  }

  connectionRefused(reason: Refusal): void {
    this.refused[reason].add();
  }

  connectionEnded(reason: EndReason): void {
    this.ended[reason].add();
  }

  callRefused(reason: CallRefusal): void {
    this.refusedCalls[reason].add();
  }

  /** Sets the gauges: what stands at the moment of a look costs nothing in between. */
  show({ connections, calls, heldBytes }: ServerLoad): void {
    this.connections.set(connections);
    for (const kind of KINDS) this.calls[kind].set(calls[kind]);
    this.heldBytes.set(heldBytes);
  }
}

function recordOf<K extends string, V>(keys: readonly K[], make: (key: K) => V): Record<K, V> {
  // An entry for each key of the list, and of no other.
  return Object.fromEntries(keys.map((key) => [key, make(key)])) as Record<K, V>;
}
