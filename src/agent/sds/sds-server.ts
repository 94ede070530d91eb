import { randomBytes } from 'node:crypto';
import { IdentityError } from '../../errors/index.js';
import { type GrpcCall, type GrpcServer, toStatusObject } from '../../net/grpc/index.js';
import { type Logger, MetricRegistry } from '../../telemetry/index.js';
import { type Every, everyUnreferenced } from '../../timers/index.js';
import { addFetchMethod } from './fetch-method.js';
import { forEachChunk } from './for-each-chunk.js';
import { LastRejections } from './last-rejections.js';
import { STREAM_METHODS, type StreamMethod } from './methods.js';
import { NameLabels } from './name-labels.js';
import { PushQueue } from './push-queue.js';
import { ResponseEncoder } from './response-encoder.js';
import { responseLayout } from './response-layout.js';
import type { EndedRollout } from './rollouts.js';
import { isSettled, readStatus, type SdsStatus } from './sds-status.js';
import { type RejectedSecrets, SdsStream, type StreamContext } from './sds-stream.js';
import { SecretFetcher } from './secret-fetcher.js';
import type { SecretSource } from './secret-source.js';
import { ServedContents } from './served-contents.js';
import { spread } from './spread.js';
import { StreamLog } from './stream-log.js';
import { StreamMetrics } from './stream-metrics.js';
import { type IsBehind, type Unacknowledged, withFormerLeaf, withoutNewestBundle } from './unacknowledged.js';

export interface SdsServerOptions {
  /** Where the service is added; made with {@link MAX_REQUEST_BYTES}. */
  readonly server: Pick<GrpcServer, 'addMethod'>;
  readonly source: SecretSource;
  readonly logger: Logger;
  /** Says who we are in each response; Envoy shows it as `control_plane.identifier`. */
  readonly controlPlaneIdentifier: string;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly every?: Every;
  /** Where the figures go; nowhere when left out. */
  readonly metrics?: MetricRegistry;
  /** Names that metrics and status call by their name; all others are one. None when left out. */
  readonly labelledNames?: readonly string[];
  /**
   * Whether a delta client is told of a name that can never have a secret, so that its Envoy goes on without: true when
   * left out. Envoys before 1.30 NACK that, which does no harm but to their statistics.
   */
  readonly tellsRemovals?: boolean;
  /** Is told of each refusal; no one is, when left out. */
  readonly onRejected?: ((event: RejectedSecrets) => void) | undefined;
  /** Is told of each changed secret that all streams have answered; no one is, when left out. */
  readonly onRollout?: ((rollout: EndedRollout) => void) | undefined;
}

/** The SDS service of one server, which owns the connections. */
export interface SdsServer {
  /** How all streams stand. Goes over each of them. */
  status(): SdsStatus;
  /** Whether every stream has answered all that there is for it. Goes over them, too. */
  isSettled(): boolean;
  /** Peers that do not have the newest trust bundle. Goes over all streams. */
  withoutNewestBundle(): Unacknowledged;
  /** Peers that do not have the newest certificate, in a way that matters to `isBehind`. Goes over all streams. */
  withFormerLeaf(isBehind: IsBehind): Unacknowledged;
  /**
   * Ends all streams with OK, evenly over `spreadMs` when they are many, and those that are opened later with
   * UNAVAILABLE: for the drain of the server. Resolves when none is left.
   */
  endAllStreams(spreadMs?: number): Promise<void>;
}

/** Unanswered responses are looked for this often: a sixth of the time after which it matters. */
const CHECK_PERIOD_MS = 5_000;

/** 64 random bits of a server: its nonces cannot be guessed, and none of another server is one of them. */
const NONCE_PREFIX_BYTES = 8;

/** Adds the secret discovery service, and the aggregated one for secrets, to a server. */
export function createSdsServer(options: SdsServerOptions): SdsServer {
  return new Server(options);
}

class Server implements SdsServer {
  private readonly options: SdsServerOptions;
  private readonly context: StreamContext;
  private readonly labels: NameLabels;
  private readonly streams = new Set<SdsStream>();
  private streamNumber = 0;
  private isEnding = false;
  private stopChecks: (() => void) | undefined;

  constructor(options: SdsServerOptions) {
    const {
      server,
      source,
      logger,
      controlPlaneIdentifier,
      now,
      metrics,
      tellsRemovals = true,
      onRejected = () => {},
    } = options;
    this.options = options;
    this.labels = new NameLabels(options.labelledNames ?? []);
    const broadcast = new PushQueue();
    this.context = {
      ...{ source, broadcast, now, tellsRemovals, onRejected },
      contents: new ServedContents(logger),
      encoders: {
        sotw: new ResponseEncoder(responseLayout('sotw', controlPlaneIdentifier)),
        delta: new ResponseEncoder(responseLayout('delta', controlPlaneIdentifier)),
      },
      log: new StreamLog(logger, now),
      metrics: new StreamMetrics(
        metrics ?? new MetricRegistry(),
        this.labels,
        () => broadcast.isPushing,
        options.onRollout,
      ),
      rejections: new LastRejections(this.labels),
      noncePrefix: randomBytes(NONCE_PREFIX_BYTES).toString('base64url'),
      onGone: (stream) => this.forget(stream),
    };
    const fetcher = new SecretFetcher({ source, contents: this.context.contents });
    addFetchMethod(server, { fetcher, encoder: this.context.encoders.sotw });
    const metadata = { metadata: ['authorization'] };
    for (const method of STREAM_METHODS) server.addMethod(method.path, (call) => this.open(call, method), metadata);
  }

  status(): SdsStatus {
    return readStatus(this.streams, { labels: this.labels, rejections: this.context.rejections });
  }

  isSettled(): boolean {
    return isSettled(this.streams);
  }

  withoutNewestBundle(): Unacknowledged {
    return withoutNewestBundle(this.streams);
  }

  withFormerLeaf(isBehind: IsBehind): Unacknowledged {
    return withFormerLeaf(this.streams, isBehind);
  }

  endAllStreams(spreadMs = 0): Promise<void> {
    this.isEnding = true;
    return spread([...this.streams], spreadMs, (stream) => stream.close());
  }

  private open(call: GrpcCall, method: StreamMethod): void {
    if (this.isEnding) {
      call.end(toStatusObject(new IdentityError('ERR_SVID_NOT_READY', 'shutting down')));
      return;
    }
    this.streamNumber += 1;
    this.context.metrics.opened(method);
    const stream = new SdsStream(call, method, { stream: this.streamNumber, context: this.context });
    this.streams.add(stream);
    const { every = everyUnreferenced } = this.options;
    this.stopChecks ??= every(CHECK_PERIOD_MS, this.check);
    stream.start();
  }

  private forget(stream: SdsStream): void {
    this.streams.delete(stream);
    this.context.metrics.closed(stream.method);
    if (this.streams.size > 0) return;
    this.stopChecks?.();
    this.stopChecks = undefined;
  }

  private readonly check = (): void => {
    const nowMs = this.options.now();
    // In batches: those that one push has found deaf are all late at once.
    forEachChunk(this.streams, (stream) => stream.checkTime(nowMs));
    this.context.metrics.checkTime();
  };
}
