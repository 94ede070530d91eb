import { randomBytes } from 'node:crypto';
import { IdentityError } from '../errors/index.js';
import { type FramedCall, type FramedServer, toStatusObject } from '../rpc/index.js';
import { type Logger, Metric, MetricRegistry } from '../telemetry/index.js';
import { Broadcast } from './broadcast.js';
import { ResponseEncoder } from './response-encoder.js';
import type { SecretSource } from './secret-source.js';
import { SotwStream, type StreamContext } from './sotw-stream.js';

export interface SdsServerOptions {
  /** Where the service is added; made with {@link MAX_REQUEST_BYTES}. */
  readonly server: Pick<FramedServer, 'addMethod'>;
  readonly source: SecretSource;
  readonly logger: Logger;
  readonly metrics?: MetricRegistry;
  /** Says who we are in each response; Envoy shows it as `control_plane.identifier`. */
  readonly controlPlaneIdentifier: string;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Calls `act` again and again, without keeping the process alive, until the function it returns is called. */
  readonly every?: (periodMs: number, act: () => void) => () => void;
}

/** The SDS service of one server, which owns the connections. */
export interface SdsServer {
  /** Streams that are served now, or wait for their caller to be known. */
  readonly streamCount: number;
  /** Ends all streams with OK, and those that are opened later with UNAVAILABLE: for the drain of the server. */
  endAllStreams(): void;
}

const STREAM_SECRETS = '/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets';

/** Unanswered responses are looked for this often: a sixth of the time after which it matters. */
const CHECK_PERIOD_MS = 5_000;

/** 64 random bits of a server, and the number of a stream: no stream can name a nonce of another one. */
const NONCE_PREFIX_BYTES = 8;
const NONCE_STREAM_HEX_DIGITS = 8;

/** Adds the secret discovery service to a server. (envoy.service.secret.v3) */
export function createSdsServer(options: SdsServerOptions): SdsServer {
  const { server, source, logger, controlPlaneIdentifier, now, every = everyUnreferenced } = options;
  const encoder = new ResponseEncoder(controlPlaneIdentifier);
  const responses = (options.metrics ?? new MetricRegistry()).counter(Metric.sdsResponses);
  const context: StreamContext = { source, encoder, broadcast: new Broadcast(), responses, logger, now };
  const serverPrefix = randomBytes(NONCE_PREFIX_BYTES).toString('base64url');
  const streams = new Set<SotwStream>();
  let streamNumber = 0;
  let isEnding = false;
  let stopChecks: (() => void) | undefined;

  const check = (): void => {
    const nowMs = now();
    for (const stream of streams) stream.checkTime(nowMs);
  };
  const onGone = (stream: SotwStream): void => {
    streams.delete(stream);
    if (streams.size > 0) return;
    stopChecks?.();
    stopChecks = undefined;
  };
  const open = (call: FramedCall): void => {
    if (isEnding) {
      call.end(toStatusObject(new IdentityError('ERR_SVID_NOT_READY', 'shutting down')));
      return;
    }
    streamNumber += 1;
    const caller = { authorization: call.authorization, connection: call.connection };
    const noncePrefix = serverPrefix + streamNumber.toString(16).padStart(NONCE_STREAM_HEX_DIGITS, '0');
    streams.add(new SotwStream(call, { context, origin: { caller, stream: streamNumber, noncePrefix }, onGone }));
    stopChecks ??= every(CHECK_PERIOD_MS, check);
  };
  server.addMethod(STREAM_SECRETS, open);
  return {
    get streamCount() {
      return streams.size;
    },
    endAllStreams() {
      isEnding = true;
      for (const stream of streams) stream.end();
    },
  };
}

function everyUnreferenced(periodMs: number, act: () => void): () => void {
  const timer = setInterval(act, periodMs).unref();
  return () => clearInterval(timer);
}
