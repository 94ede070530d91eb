import { CancelSource } from '../../cancellation/index.js';
import { errorCodeOf, IdentityError, messageOf } from '../../errors/index.js';
import { Shares } from '../../fairness/index.js';
import { addUnaryMethod, type GrpcServer, type ServedCall, status } from '../../net/grpc/index.js';
import { Field, type Logger, Metric, MetricRegistry, RateLimitedLogger } from '../../telemetry/index.js';
import { type Every, everyUnreferenced, monotonicMs } from '../../timers/index.js';
import type { AuthenticatedWorkload, CallerAuthentication } from '../authn/index.js';
import type { SigningAuthority } from '../authority/index.js';
import { CALLER_METADATA } from './caller-metadata.js';
import { callerHasGone, chargeRefusal, proveCaller } from './caller-proof.js';
import { type FleetView, NOT_KNOWN } from './fleet-view.js';
import { IssuingShares, IssuingSlot } from './issuing-shares.js';
import { refusalOf } from './refusal.js';
import {
  decodeBundleRequest,
  type KnownVersions,
  type ListsVersion,
  rootsOf,
  TrustBundleVersion,
  TrustNews,
} from './trust-bundle-codec.js';

export interface TrustBundleServiceOptions extends CallerAuthentication {
  readonly authority: Pick<SigningAuthority, 'issuersPemAt'>;
  /** The lists of revoked certificates; left out, there is no register of them. */
  readonly revocations?: HeldLists | undefined;
  /** Is told which roots callers have. */
  readonly fleet?: Pick<FleetView, 'has' | 'awaits' | 'gaveLists'> | undefined;
  readonly logger: Logger;
  readonly metrics?: MetricRegistry;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** How many calls wait for news at a time; above it callers are told when to ask again. */
  readonly maxHeld?: number;
  /** For how long a call waits. */
  readonly holdMs?: number;
  /** Milliseconds, never going back. */
  readonly clock?: () => number;
  readonly every?: Every;
}

interface HeldLists {
  readonly lists: ListsVersion;
  /** Which keys have a list in those of this version: a text to compare; `undefined` of another Citadel's. */
  keysOf(version: string): string | undefined;
}

/** {@link addTrustBundleMethod} has opened it. */
export interface TrustBundleMethod {
  /** Answers the calls that wait for what is news now, without waiting for the next look. */
  lookNow(): void;
  /** Ends the calls that wait, as before a shutdown of the server, which would wait for them. */
  endAllCalls(): void;
}

const GET_TRUST_BUNDLE = '/sidecert.v1.TrustBundleService/GetTrustBundle';

/** Each keeps its TLS connection, some 50 kB, which would end after a while without a call. */
const DEFAULT_MAX_HELD = 1024;

/** Below the 5 minutes after which a proxy on the way ends what says nothing. */
const DEFAULT_HOLD_MS = 4 * 60_000;

/** Whether the bundle is another one is looked at this often while calls wait. */
const LOOK_PERIOD_MS = 1000;

/** Longer than the 15 minutes after which the server ends a connection without a call. */
const ASK_AGAIN_SECONDS = 20 * 60;

/** Of an agent whose Envoys have not acknowledged what it has: a step of a change of roots waits for them. */
const TELL_AGAIN_SECONDS = 30;

/** Calls whose tokens are being verified, which may take a call to Kubernetes. */
const MAX_PROVING = 256;

/** A call that waits for a bundle or lists of another version than these. */
interface HeldCall {
  readonly known: KnownVersions;
  readonly untilMs: number;
}

/**
 * The one method of `sidecert.v1.TrustBundleService`: the roots that workloads are to trust, and the lists of revoked
 * certificates, for callers that a certificate would be issued to. A caller that has them is answered when there are
 * others, or when its call has been held for minutes.
 */
export function addTrustBundleMethod(
  server: Pick<GrpcServer, 'addMethod'>,
  options: TrustBundleServiceOptions,
): TrustBundleMethod {
  const service = new TrustBundleService(options);
  addUnaryMethod(server, GET_TRUST_BUNDLE, (bytes, call) => service.answer(bytes, call), {
    ...{ metadata: CALLER_METADATA, pot: 'watch' },
  });
  return service;
}

class TrustBundleService implements TrustBundleMethod {
  private readonly held = new Map<ServedCall, HeldCall>();
  private readonly heldByConnection = new Shares<number>();
  private readonly proving = new IssuingShares(MAX_PROVING);
  private readonly metrics: MetricRegistry;
  private readonly log: RateLimitedLogger;
  private last: { readonly issuersPem: readonly string[]; readonly news: TrustNews } | undefined;
  private stopLooking: (() => void) | undefined;

  constructor(private readonly options: TrustBundleServiceOptions) {
    this.metrics = options.metrics ?? new MetricRegistry();
    this.log = new RateLimitedLogger(options.logger, options.now);
  }

  /** Answers the call, refuses it or holds it. */
  answer(bytes: Buffer, call: ServedCall): void {
    const stop = new CancelSource();
    call.onGone(() => {
      stop.cancel();
      this.release(call);
    });
    void this.serve(bytes, call, stop);
  }

  endAllCalls(): void {
    for (const call of this.held.keys()) {
      call.refuse({ code: status.UNAVAILABLE, details: 'citadel is shutting down' });
      this.release(call);
    }
  }

  /** Never rejects. */
  private async serve(bytes: Buffer, call: ServedCall, stop: CancelSource): Promise<void> {
    try {
      const caller = await this.prove(call, stop);
      if (stop.isCancelled) throw callerHasGone();
      const { unacknowledged, withFormerLeaf, ...known } = decodeBundleRequest(bytes);
      this.count('OK');
      const { knownVersion: roots } = known;
      if (roots !== '') {
        const told = { roots, listKeys: this.listKeysOf(known), unacknowledged, withFormerLeaf };
        this.options.fleet?.has(caller, call.connection, told);
      }
      const news = this.newest();
      if (news.isNewTo(known)) this.give(news, known, call);
      else {
        // Held for a shorter time, and not sent away: a revocation must not wait for Envoys.
        const hasMoreToTell = unacknowledged.count + withFormerLeaf.count > 0;
        if (this.hold(call, known, hasMoreToTell ? TELL_AGAIN_SECONDS * 1000 : Number.POSITIVE_INFINITY)) return;
        call.answer(news.encodeUnchanged(known, hasMoreToTell ? TELL_AGAIN_SECONDS : ASK_AGAIN_SECONDS));
      }
    } catch (error) {
      chargeRefusal(call, error);
      this.refuse(call, error);
    }
  }

  /** As of {@link HeldLists.keysOf}: empty for a caller without lists. */
  private listKeysOf({ knownListsVersion = '' }: KnownVersions): string {
    if (knownListsVersion === '') return '';
    return this.options.revocations?.keysOf(knownListsVersion) ?? NOT_KNOWN;
  }

  private async prove(call: ServedCall, stop: CancelSource): Promise<AuthenticatedWorkload> {
    const place = this.proving.enter(call.connection);
    if (!(place instanceof IssuingSlot)) throw new IdentityError('ERR_CITADEL_OVERLOADED', place.reason);
    try {
      const caller = await proveCaller(call, this.options, stop);
      call.forgetMetadata();
      return caller;
    } finally {
      place.leave();
    }
  }

  private refuse(call: ServedCall, error: unknown): void {
    const { connection } = call;
    const code = errorCodeOf(error);
    this.count(code);
    const fields = { [Field.code]: code, [Field.reason]: messageOf(error), [Field.connection]: connection };
    if (code === 'ERR_CANCELLED') this.options.logger.debug('trust bundle request cancelled', fields);
    else this.log.warn('trust bundle refused', fields, `${code} ${connection}`);
    call.refuse(refusalOf(error));
  }

  /** False when there is no room for it. */
  private hold(call: ServedCall, known: KnownVersions, atMostMs: number): boolean {
    const { maxHeld = DEFAULT_MAX_HELD, holdMs = DEFAULT_HOLD_MS, clock = monotonicMs } = this.options;
    const { every = everyUnreferenced } = this.options;
    if (this.heldByConnection.isTaken(call.connection, maxHeld - this.held.size)) return false;
    this.heldByConnection.take(call.connection);
    this.held.set(call, { known, untilMs: clock() + Math.min(holdMs, atMostMs) });
    this.stopLooking ??= every(LOOK_PERIOD_MS, () => this.lookNow());
    return true;
  }

  lookNow(): void {
    const { clock = monotonicMs } = this.options;
    const nowMs = clock();
    const news = this.newest();
    for (const [call, { known, untilMs }] of this.held) {
      const isNews = news.isNewTo(known);
      // It has got a leaf of another issuer since, and is to tell which of its Envoys have it.
      const isWantedAgain = this.options.fleet?.awaits(call.connection) === true;
      if (!isNews && !isWantedAgain && nowMs < untilMs) continue;
      this.release(call);
      if (isNews) this.give(news, known, call);
      else call.answer(news.encodeUnchanged(known, 0));
    }
  }

  private give(news: TrustNews, known: KnownVersions, call: ServedCall): void {
    if (news.hasOtherLists(known)) this.options.fleet?.gaveLists(call.connection);
    call.answer(news.encode(known));
  }

  private release(call: ServedCall): void {
    if (!this.held.delete(call)) return;
    this.heldByConnection.giveBack(call.connection);
    if (this.held.size > 0) return;
    this.stopLooking?.();
    this.stopLooking = undefined;
  }

  /** What goes out behind each leaf has the roots as its last element. */
  private newest(): TrustNews {
    const { authority, revocations, now } = this.options;
    const issuersPem = authority.issuersPemAt(now());
    const lists = revocations?.lists;
    if (this.last?.issuersPem !== issuersPem || this.last.news.lists !== lists) {
      this.last = { issuersPem, news: new TrustNews(new TrustBundleVersion(rootsOf(issuersPem)), lists) };
    }
    return this.last.news;
  }

  private count(code: string): void {
    this.metrics.counter(Metric.bundleRequests, { code }).add();
  }
}
