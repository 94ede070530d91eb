import { createHash } from 'node:crypto';
import type { ReceivedContent } from './received-content.js';
import { type FleetProblem, type FleetVerdict, isTrusted, judge } from './verdict.js';

/** Verdicts that are kept: above this the oldest are of rotations long gone. */
const MAX_VERDICTS = 20_000;

/**
 * Bundles of one Envoy that a certificate may chain to: the current one, and the one before when both change at once.
 */
const BUNDLES_KEPT = 2;

type CertificateVerdict = Extract<FleetVerdict, { kind: 'certificate' }>;
type BundleVerdict = Extract<FleetVerdict, { kind: 'bundle' }>;

/** What the checks remember of one Envoy. */
export class InspectedEnvoy {
  readonly bundles: BundleVerdict[] = [];
  spiffeId: string | undefined;

  /** `spiffePath` is what its token says, when it has one: the path that its certificate must be for. */
  constructor(
    readonly spiffePath: string | undefined,
    readonly hasBundleStream: boolean,
  ) {}
}

/** What the checks remember of one stream. */
export interface InspectedStream {
  readonly name: string;
  readonly inspected: InspectedEnvoy;
  kind: FleetVerdict['kind'] | undefined;
  notAfterMs: number;
}

/**
 * Checks all that was received, each content once however many streams got it. Arrivals only queue: the work is done
 * when the wire is quiet, so that it is not in the times that are measured.
 */
export class Inspection {
  /** How often each problem was found, over all streams. */
  readonly problems = new Map<FleetProblem, number>();
  /** Arrivals checked. */
  checkedCount = 0;
  private streams: InspectedStream[] = [];
  private contents: ReceivedContent[] = [];
  /** When each came: what was valid then may have expired before it is looked at. */
  private timesMs: number[] = [];
  private next = 0;
  /** Certificates that came before their bundle. */
  private waiting: { stream: InspectedStream; verdict: CertificateVerdict }[] = [];
  /** Those that have got a certificate. */
  private readonly certificateStreams = new Set<InspectedStream>();
  private readonly verdicts = new Map<string, FleetVerdict>();
  private readonly trust = new WeakMap<CertificateVerdict, WeakMap<BundleVerdict, boolean>>();

  constructor(private readonly now: () => number) {}

  /** Different contents among all that was checked. */
  get distinctCount(): number {
    return this.verdicts.size;
  }

  get hasWork(): boolean {
    return this.next < this.streams.length;
  }

  add(stream: InspectedStream, content: ReceivedContent): void {
    this.streams.push(stream);
    this.contents.push(content);
    this.timesMs.push(this.now());
  }

  /** Works for at most `budgetMs`. */
  work(budgetMs: number): void {
    const deadlineMs = performance.now() + budgetMs;
    while (this.hasWork && performance.now() < deadlineMs) this.checkNext();
    if (this.hasWork) return;
    this.streams = [];
    this.contents = [];
    this.timesMs = [];
    this.next = 0;
    this.checkWaiting();
  }

  /**
   * Checks all that is left, of a run that ended at `endedAtMs`. A certificate whose bundle never came is not trusted.
   */
  finish(endedAtMs = this.now()): void {
    this.work(Number.POSITIVE_INFINITY);
    for (const { notAfterMs } of this.certificateStreams) {
      if (notAfterMs !== 0 && notAfterMs <= endedAtMs) this.found('expired at the end');
    }
    for (const _ of this.waiting) this.found('not trusted by the bundle');
    this.waiting = [];
  }

  private checkNext(): void {
    const stream = this.streams[this.next];
    const content = this.contents[this.next];
    const timeMs = this.timesMs[this.next];
    this.next += 1;
    if (stream === undefined || content === undefined || timeMs === undefined) return;
    content.verdict ??= this.verdictOf(content.bytes);
    this.check(stream, content.verdict, timeMs);
    this.checkedCount += 1;
  }

  private verdictOf(bytes: Buffer): FleetVerdict {
    const digest = createHash('sha256').update(bytes).digest('base64');
    let verdict = this.verdicts.get(digest);
    if (verdict === undefined) {
      verdict = judge(bytes);
      if (this.verdicts.size >= MAX_VERDICTS) this.verdicts.clear();
      this.verdicts.set(digest, verdict);
    }
    return verdict;
  }

  private check(stream: InspectedStream, verdict: FleetVerdict, timeMs: number): void {
    for (const problem of verdict.problems) this.found(problem);
    if (verdict.name !== stream.name) this.found('wrong name');
    stream.kind ??= verdict.kind;
    if (stream.kind !== verdict.kind) this.found('wrong kind');
    if (verdict.kind === 'certificate') this.checkCertificate(stream, verdict, timeMs);
    if (verdict.kind === 'bundle') {
      stream.inspected.bundles.unshift(verdict);
      stream.inspected.bundles.splice(BUNDLES_KEPT);
    }
  }

  private checkCertificate(stream: InspectedStream, verdict: CertificateVerdict, timeMs: number): void {
    const { inspected } = stream;
    if (verdict.chain.length > 0 && !(verdict.notBeforeMs <= timeMs && timeMs < verdict.notAfterMs)) {
      this.found('not valid now');
    }
    const isExpected = inspected.spiffePath === undefined || verdict.spiffeId.endsWith(inspected.spiffePath);
    inspected.spiffeId ??= verdict.spiffeId;
    if (!isExpected || inspected.spiffeId !== verdict.spiffeId) this.found('another identity');
    if (verdict.notAfterMs < stream.notAfterMs) this.found('older than the last');
    if (stream.notAfterMs !== 0 && stream.notAfterMs <= timeMs) this.found('later than the end of the last');
    stream.notAfterMs = verdict.notAfterMs;
    this.certificateStreams.add(stream);
    if (inspected.hasBundleStream) this.waiting.push({ stream, verdict });
  }

  private checkWaiting(): void {
    this.waiting = this.waiting.filter(({ stream, verdict }) => {
      const { bundles } = stream.inspected;
      if (bundles.length === 0) return true;
      if (!bundles.some((bundle) => this.isTrusted(verdict, bundle))) this.found('not trusted by the bundle');
      return false;
    });
  }

  private isTrusted(certificate: CertificateVerdict, bundle: BundleVerdict): boolean {
    if (bundle.bundle === undefined) return false;
    let byBundle = this.trust.get(certificate);
    if (byBundle === undefined) {
      byBundle = new WeakMap();
      this.trust.set(certificate, byBundle);
    }
    let answer = byBundle.get(bundle);
    if (answer === undefined) {
      answer = isTrusted(certificate.chain, bundle.bundle);
      byBundle.set(bundle, answer);
    }
    return answer;
  }

  private found(problem: FleetProblem): void {
    this.problems.set(problem, (this.problems.get(problem) ?? 0) + 1);
  }
}
