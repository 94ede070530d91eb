import { X509Certificate } from 'node:crypto';
import { clipped } from '../../text/index.js';
import { monotonicMs } from '../../timers/index.js';
import { Ring } from './ring.js';

/** A certificate as the past keeps it: what tells it from others, and nothing that is secret. */
export interface RememberedRoot {
  /** SHA-256 in hex. */
  readonly fingerprint: string;
  readonly subject: string;
  /** Epoch milliseconds. */
  readonly notAfterMs: number;
}

/** A trust bundle that took the place of another, with what came and went. */
export interface BundleEvent {
  readonly atMs: number;
  readonly trustDomain: string;
  readonly version: string;
  readonly added: readonly RememberedRoot[];
  readonly removed: readonly RememberedRoot[];
  /** How many it holds now. */
  readonly size: number;
}

/** A leaf that is served from then on. */
export interface LeafEvent {
  readonly atMs: number;
  readonly spiffeId: string | undefined;
  readonly der: Buffer;
}

/** A certificate that could not be had. */
export interface FailureEvent {
  readonly atMs: number;
  readonly spiffeId: string;
  readonly code: string;
  readonly message: string;
  /** When it failed so for the last time, in epoch milliseconds. */
  readonly lastAtMs: number;
  /** How many had failed in a row by then. */
  readonly count: number;
}

/** What an Envoy refused. */
export interface RejectionEvent {
  readonly atMs: number;
  readonly nodeId: string;
  readonly names: readonly string[];
  readonly version: string;
  readonly text: string;
}

/** Other revocation lists than before. */
export interface RevocationEvent {
  readonly atMs: number;
  /** Of the file. */
  readonly bytes: number;
}

/** The wall clock was set, or the machine slept: seen at `atMs`, at some time since `sinceMs`. */
export interface ClockEvent {
  readonly atMs: number;
  readonly sinceMs: number;
  /** Forward is above zero. */
  readonly jumpMs: number;
}

/** How many of each kind are kept: below 100 kB in all, whatever peers and CAs do. */
const CAPACITY = { bundles: 16, leaves: 24, failures: 24, rejections: 24, revocations: 8, clock: 8 } as const;

/** Of one bundle, so that one event stays small: a mesh has one to three. */
const MAX_ROOTS = 24;
const MAX_SUBJECT_CHARS = 120;
const MAX_TEXT_CHARS = 300;
const MAX_NAMES = 4;

/** A leaf of a mesh has 600 to 1200 octets. */
const MAX_LEAF_BYTES = 4096;

/** Trust domains of which the roots are known: an agent has one. */
const MAX_DOMAINS = 4;

/** Clocks are slewed by less than this between two looks. */
const MIN_JUMP_MS = 2000;

/**
 * The recent past of an agent, in small, fixed memory: no key, no token. Who explains a failure tells by it what has
 * changed, and when.
 */
export class History {
  readonly startedAtMs: number;
  readonly bundles = new Ring<BundleEvent>(CAPACITY.bundles);
  readonly leaves = new Ring<LeafEvent>(CAPACITY.leaves);
  readonly failures = new Ring<FailureEvent>(CAPACITY.failures);
  readonly rejections = new Ring<RejectionEvent>(CAPACITY.rejections);
  readonly revocations = new Ring<RevocationEvent>(CAPACITY.revocations);
  readonly clock = new Ring<ClockEvent>(CAPACITY.clock);
  private readonly known = new Map<string, { version: string; roots: ReadonlyMap<string, RememberedRoot> }>();
  private lastLook: { wallMs: number; monotonicMs: number };

  /** `now` gives epoch milliseconds, `monotonic` milliseconds that no one sets. */
  constructor(
    private readonly now: () => number,
    private readonly monotonic: () => number = monotonicMs,
  ) {
    this.startedAtMs = now();
    this.lastLook = { wallMs: this.startedAtMs, monotonicMs: monotonic() };
  }

  /** A bundle is served: nothing happens when it is the one before. `pem` is called when it is another. */
  bundle(trustDomain: string, version: string, pem: () => Buffer): void {
    const before = this.known.get(trustDomain);
    if (before?.version === version) return;
    const atMs = this.look();
    const roots = new Map(rootsOf(pem()).map((root) => [root.fingerprint, root]));
    if (before === undefined && this.known.size === MAX_DOMAINS) return;
    this.known.set(trustDomain, { version, roots });
    const added = [...roots.values()].filter(({ fingerprint }) => !before?.roots.has(fingerprint));
    const removed = [...(before?.roots.values() ?? [])].filter(({ fingerprint }) => !roots.has(fingerprint));
    this.bundles.add({ atMs, trustDomain, version, added, removed, size: roots.size });
  }

  /** A leaf is served; keeps a copy of the first certificate of the chain. */
  leaf(spiffeId: string | undefined, chainPem: Buffer): void {
    const atMs = this.look();
    const der = firstCertificate(chainPem);
    if (der !== undefined && der.length <= MAX_LEAF_BYTES) this.leaves.add({ atMs, spiffeId, der });
  }

  failure(spiffeId: string, { code, message }: { readonly code: string; readonly message: string }, count = 1): void {
    const lastAtMs = this.look();
    const { newest } = this.failures;
    const isSame = newest?.spiffeId === spiffeId && newest.code === code;
    const event = { spiffeId, code, message: clipped(message, MAX_TEXT_CHARS), lastAtMs, count };
    // A CA that is away for hours is one event.
    if (isSame) this.failures.replaceNewest({ ...event, atMs: newest.atMs });
    else this.failures.add({ ...event, atMs: lastAtMs });
  }

  rejection({ nodeId, names, version, text }: Omit<RejectionEvent, 'atMs'>): void {
    const atMs = this.look();
    const shown = names.slice(0, MAX_NAMES).map((name) => clipped(name, MAX_SUBJECT_CHARS));
    this.rejections.add({ atMs, nodeId: clipped(nodeId, MAX_SUBJECT_CHARS), names: shown, version, text });
  }

  revocationLists(bytes: number): void {
    this.revocations.add({ atMs: this.look(), bytes });
  }

  /**
   * Compares the wall clock with the one that is not set; to be called with each event, and when the past is asked for:
   * no timer runs for it. Epoch milliseconds.
   */
  look(): number {
    const wallMs = this.now();
    const monotonicMs = this.monotonic();
    const { lastLook } = this;
    const jumpMs = wallMs - lastLook.wallMs - (monotonicMs - lastLook.monotonicMs);
    if (Math.abs(jumpMs) >= MIN_JUMP_MS) this.clock.add({ atMs: wallMs, sinceMs: lastLook.wallMs, jumpMs });
    this.lastLook = { wallMs, monotonicMs };
    return wallMs;
  }
}

const BLOCK = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

function rootsOf(pem: Buffer): RememberedRoot[] {
  const blocks = pem.toString('latin1').match(BLOCK) ?? [];
  return blocks.slice(0, MAX_ROOTS).flatMap((block) => {
    try {
      const { fingerprint256, subject, validTo } = new X509Certificate(block);
      const shown = clipped(subject.split('\n').join(', '), MAX_SUBJECT_CHARS);
      return [{ fingerprint: hexOf(fingerprint256), subject: shown, notAfterMs: Date.parse(validTo) }];
    } catch {
      // It was proven before it was served; one that this OpenSSL does not read is no root of the past.
      return [];
    }
  });
}

function firstCertificate(chainPem: Buffer): Buffer | undefined {
  const [, base64] =
    /-----BEGIN CERTIFICATE-----([^-]+)-/.exec(chainPem.toString('latin1', 0, 2 * MAX_LEAF_BYTES)) ?? [];
  return base64 === undefined ? undefined : Buffer.from(base64, 'base64');
}

function hexOf(fingerprint: string): string {
  return fingerprint.replaceAll(':', '').toLowerCase();
}
