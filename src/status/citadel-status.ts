import { Field, Metric, type MetricRegistry } from '../telemetry/index.js';
import { type RequestsFacts, requestsSection } from './requests-section.js';
import type { StatusPage } from './status-page.js';
import { timeText } from './time-text.js';

interface AuthorityFacts {
  readonly signer: {
    readonly certificate: { readonly serialNumber: string; readonly validFrom: string };
    /** SHA-256 of the certificate, hex. */
    readonly material: { readonly id: string };
  };
  readonly bundle: { readonly size: number; fingerprints(): readonly string[] };
  /** Epoch milliseconds. */
  readonly notAfterMs: number;
}

type Named = {
  readonly count: number;
  readonly names: readonly string[];
};

interface FleetFacts {
  /** Epoch milliseconds. */
  readonly knownSinceMs: number;
  /** The longest life of a certificate, of those before as well. */
  readonly longestTtlMs: number;
  readonly workloads: number;
  readonly withOtherRoots: Named;
  readonly withOtherIssuer: Named;
  readonly forgotten: number;
}

/** Times in epoch milliseconds. */
interface IntermediateFacts {
  readonly serial: string;
  readonly fingerprint: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Infinite when the authority above ends with it. */
  readonly renewAtMs: number;
  readonly next: { readonly serial: string; readonly usedFromMs: number } | undefined;
  readonly isConstrained: boolean;
  readonly place: string;
  readonly problem: string | undefined;
}

export interface CitadelStatusOptions {
  /** What it signs with. */
  readonly authority: {
    readonly current: AuthorityFacts;
    /** Why its files as they are now are not in use; `undefined` when they are. */
    readonly problem: string | undefined;
    /** Where the change of its root stands; `since` is RFC 3339. */
    readonly rotation?: { readonly step: string; readonly since: string | undefined } | undefined;
  };
  /** The CA that signs below the authority, where there is one. */
  readonly intermediate?: { readonly state: IntermediateFacts } | undefined;
  /** How the root is changed before its end; a time in epoch milliseconds. */
  readonly rootChange?:
    | {
        readonly state: {
          readonly state: string;
          readonly untilMs?: number;
          readonly reason?: string;
        };
      }
    | undefined;
  readonly trustDomain: string;
  /** What is known of those who hold its certificates. */
  readonly fleet?: (() => FleetFacts) | undefined;
  /** Sets the gauges of connections and calls. */
  readonly server: { showLoad(): void };
  /** Where tokens are verified by the keys of an API server; read at epoch milliseconds. */
  readonly keys?: { readonly name: string; readonly issuers: readonly string[]; readonly readAtMs: number } | undefined;
  /** Where the roots are written into a cluster. */
  readonly roots?:
    | {
        readonly configMaps: { readonly namespaces: number; readonly pending: number | undefined };
        readonly trustBundle: { readonly isPublished: boolean | undefined };
      }
    | undefined;
  /** Of `--policy`: without a path there is none. */
  readonly policy?:
    | {
        readonly path: string | undefined;
        readonly problem: string | undefined;
        readonly policy: { readonly ruleCount: number };
      }
    | undefined;
  /** Where what was issued stands afterwards. */
  readonly trail?:
    | {
        readonly state: {
          readonly directory: string;
          readonly head: string;
          readonly pending: number;
          readonly lost: number;
          readonly failure: string | undefined;
        };
      }
    | undefined;
  /** Certificates that count no more. */
  readonly revocations?:
    | {
        readonly summary: {
          readonly revoked: number;
          readonly number: number;
          readonly unable: readonly string[];
        };
      }
    | undefined;
  /** Where it can be looked up. */
  readonly inventory?:
    | {
        readonly state: {
          readonly database: string;
          readonly behind: number;
          readonly failure: string | undefined;
        };
      }
    | undefined;
  /** What callers see in their handshake. Times in epoch milliseconds. */
  readonly serving: {
    readonly facts: {
      readonly serial: string;
      readonly names: readonly string[];
      readonly rotateAtMs: number;
      readonly notAfterMs: number;
    };
  };
  readonly recent?: RequestsFacts | undefined;
  /** What istiod's CA would tell of the same calls. */
  readonly istioMetrics: { collect(): void };
  readonly metrics: MetricRegistry;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** At which a change of the root is under way. */
const ROTATION_STEPS = ['staged', 'active'] as const;

/** What a Citadel tells of itself: what it signs with, and for how long yet; what it has of its cluster. */
export function citadelStatus(options: CitadelStatusOptions): StatusPage {
  const {
    authority,
    intermediate,
    rootChange,
    trustDomain,
    server,
    fleet,
    keys,
    roots,
    trail,
    inventory,
    revocations,
    recent,
    policy,
    serving,
    istioMetrics,
    metrics,
    now,
  } = options;
  const expiry = metrics.gauge(Metric.authorityExpirySeconds);
  const stepAges = ROTATION_STEPS.map((step) => ({
    step,
    gauge: metrics.gauge(Metric.rootRotationStepAgeSeconds, { step }),
  }));
  const servingExpiry = metrics.gauge(Metric.servingCertificateExpirySeconds);
  return {
    notReady: () => (now() < endMs(options) ? undefined : 'its signing certificate has expired'),
    collect() {
      server.showLoad();
      istioMetrics.collect();
      expiry.set((authority.current.notAfterMs - now()) / 1000);
      if (intermediate !== undefined) setIntermediateGauges(intermediate.state, metrics, now());
      for (const { step, gauge } of stepAges) gauge.set(stepAgeMs(authority, step, now()) / 1000);
      servingExpiry.set((serving.facts.notAfterMs - now()) / 1000);
      if (keys !== undefined) metrics.gauge(Metric.tokenKeysAgeSeconds).set((now() - keys.readAtMs) / 1000);
    },
    sections: () => ({
      trust_domain: trustDomain,
      authority: authoritySection(authority),
      ...(intermediate !== undefined && { online_intermediate: intermediateSection(intermediate.state) }),
      ...(rootChange !== undefined && { automatic_root_change: rootChangeSection(rootChange.state) }),
      serving_certificate: {
        [Field.serial]: serving.facts.serial,
        names: serving.facts.names,
        [Field.rotateAt]: timeText(serving.facts.rotateAtMs),
        [Field.notAfter]: timeText(serving.facts.notAfterMs),
      },
      ...(recent !== undefined && { recent_requests: requestsSection(recent) }),
      ...(fleet !== undefined && { fleet: fleetSection(fleet()) }),
      ...(keys !== undefined && {
        token_keys: { source: keys.name, issuers: keys.issuers, read_at: timeText(keys.readAtMs) },
      }),
      ...(policy?.path !== undefined && {
        policy: {
          [Field.path]: policy.path,
          rules: policy.policy.ruleCount,
          ...(policy.problem !== undefined && { problem: policy.problem }),
        },
      }),
      ...(trail !== undefined && { trail: trail.state }),
      ...(revocations !== undefined && { revocations: revocationsSection(revocations.summary) }),
      ...(inventory !== undefined && { inventory: inventory.state }),
      ...(roots !== undefined && {
        root_config_maps: {
          namespaces: roots.configMaps.namespaces,
          pending: roots.configMaps.pending ?? 'not known yet',
        },
        cluster_trust_bundle: roots.trustBundle.isPublished ?? 'not served',
      }),
    }),
  };
}

function endMs({ authority, intermediate }: CitadelStatusOptions): number {
  return Math.min(authority.current.notAfterMs, intermediate?.state.notAfterMs ?? Number.POSITIVE_INFINITY);
}

function setIntermediateGauges(
  { notAfterMs, renewAtMs }: IntermediateFacts,
  metrics: MetricRegistry,
  nowMs: number,
): void {
  metrics.gauge(Metric.onlineIntermediateExpirySeconds).set((notAfterMs - nowMs) / 1000);
  metrics.gauge(Metric.onlineIntermediateOverdueSeconds).set(Math.max(0, nowMs - renewAtMs) / 1000);
}

function intermediateSection({ serial, fingerprint, notBeforeMs, notAfterMs, ...state }: IntermediateFacts) {
  const { renewAtMs, next, isConstrained, place, problem } = state;
  return {
    [Field.serial]: serial,
    fingerprint,
    [Field.notBefore]: timeText(notBeforeMs),
    [Field.notAfter]: timeText(notAfterMs),
    name_constraints: isConstrained ? 'on' : 'off',
    place,
    renew_at: Number.isFinite(renewAtMs) ? timeText(renewAtMs) : 'not before the authority above ends',
    ...(next !== undefined && { next: { [Field.serial]: next.serial, signs_from: timeText(next.usedFromMs) } }),
    ...(problem !== undefined && { problem }),
  };
}

function revocationsSection({ revoked, number, unable }: NonNullable<CitadelStatusOptions['revocations']>['summary']) {
  return { revoked, list_number: number, ...(unable.length > 0 && { signers_without_lists: unable }) };
}

function rootChangeSection({ state, untilMs, reason }: NonNullable<CitadelStatusOptions['rootChange']>['state']) {
  return {
    state,
    ...(untilMs !== undefined && { until: timeText(untilMs) }),
    ...(reason !== undefined && { [Field.reason]: reason }),
  };
}

function fleetSection({
  knownSinceMs,
  longestTtlMs,
  workloads,
  withOtherRoots,
  withOtherIssuer,
  forgotten,
}: FleetFacts) {
  return {
    ...{ known_since: timeText(knownSinceMs), longest_ttl_ms: longestTtlMs, workloads },
    with_other_roots: { count: withOtherRoots.count, names: withOtherRoots.names },
    with_other_issuer: { count: withOtherIssuer.count, names: withOtherIssuer.names },
    forgotten,
  };
}

/** 0 when the change of the root is not at this step. */
function stepAgeMs({ rotation }: CitadelStatusOptions['authority'], step: string, nowMs: number): number {
  if (rotation?.step !== step || rotation.since === undefined) return 0;
  return Math.max(0, nowMs - Date.parse(rotation.since));
}

function authoritySection({ current, problem, rotation }: CitadelStatusOptions['authority']) {
  const { signer, bundle, notAfterMs } = current;
  return {
    [Field.serial]: signer.certificate.serialNumber.toLowerCase(),
    [Field.notBefore]: timeText(Date.parse(signer.certificate.validFrom)),
    [Field.notAfter]: timeText(notAfterMs),
    [Field.bundleSize]: bundle.size,
    root_fingerprints: bundle.fingerprints(),
    fingerprint: signer.material.id,
    ...(rotation !== undefined && { root_change: { step: rotation.step, since: rotation.since } }),
    ...(problem !== undefined && { problem }),
  };
}
