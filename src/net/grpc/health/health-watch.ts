import { type Every, everyUnreferenced } from '../../../timers/index.js';
import { grpcMessages as grpc } from '../../protobuf/index.js';
import { type GrpcCall, sendMessage } from '../server/grpc-call.js';
import type { GrpcServer } from '../server/grpc-server.js';
import { OneRequest } from '../server/one-request.js';
import { serviceName } from './health-request.js';

const { HealthCheckResponse } = grpc.health.v1;
const { SERVING, NOT_SERVING, SERVICE_UNKNOWN } = HealthCheckResponse.ServingStatus;

const WATCH = '/grpc.health.v1.Health/Watch';

/** Whether we serve is looked at this often while there are watchers; probes ask every few seconds. */
const PERIOD_MS = 1000;

/** The watches that are open. */
export interface HealthWatches {
  /** Ends them all with OK, as before a shutdown, which would wait for them. */
  endAllStreams(): void;
}

/**
 * The streaming part of the health check: the status at once, and each change of it. A name other than that of the
 * whole server is SERVICE_UNKNOWN for as long as the stream lasts. (gRPC Health Checking Protocol, "Service
 * Definition")
 */
export function addHealthWatch(
  server: Pick<GrpcServer, 'addMethod'>,
  isServing: () => boolean,
  every: Every = everyUnreferenced,
): HealthWatches {
  const calls = new Set<GrpcCall>();
  const watchers = new Map<GrpcCall, number>();
  let stop: (() => void) | undefined;
  const look = (): void => {
    const now = isServing() ? SERVING : NOT_SERVING;
    for (const [call, told] of watchers) if (told !== now) tell(call, now);
  };
  const tell = (call: GrpcCall, serving: number): void => {
    watchers.set(call, serving);
    sendStatus(call, serving);
  };
  const leave = (call: GrpcCall): void => {
    calls.delete(call);
    watchers.delete(call);
    if (watchers.size > 0) return;
    stop?.();
    stop = undefined;
  };
  const open = (call: GrpcCall): void => {
    const one = new OneRequest();
    let isAsked = false;
    calls.add(call);
    call.listen({
      part(bytes, isLast) {
        // It is asked once: who sends more gets no more.
        if (isAsked) return;
        const request = one.take(call, bytes, isLast);
        if (request === undefined) return;
        isAsked = true;
        if (!call.holds(0)) return;
        if (serviceName(request) !== '') {
          sendStatus(call, SERVICE_UNKNOWN);
          return;
        }
        tell(call, isServing() ? SERVING : NOT_SERVING);
        stop ??= every(PERIOD_MS, look);
      },
      // A client that has only this to say may half-close, and still wants to hear.
      halfClosed: () => {},
      gone: () => leave(call),
    });
  };
  server.addMethod(WATCH, open, { pot: 'health' });
  return {
    endAllStreams() {
      for (const call of calls) call.end();
    },
  };
}

function sendStatus(call: GrpcCall, serving: number): void {
  sendMessage(call, Buffer.from(HealthCheckResponse.encode({ status: serving }).finish()));
}
