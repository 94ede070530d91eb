import { WireReader } from '../../protobuf/index.js';
import type { GrpcClient } from '../client/http2-grpc-client.js';

/** The names of `HealthCheckResponse.ServingStatus`, by their numbers. (gRPC Health Checking Protocol) */
const SERVING_STATUSES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'] as const;

export type ServingStatus = (typeof SERVING_STATUSES)[number];

const CHECK_PATH = '/grpc.health.v1.Health/Check';

/** A `HealthCheckRequest` for the server as a whole: the empty name, which is not written. */
const REQUEST = Buffer.alloc(0);

/** An answer has two bytes. */
const MAX_ANSWER_BYTES = 1024;

/**
 * Asks a server for its own health, within `timeoutMs`. Rejects as a unary call of `peer` does, and with a RangeError
 * for what is no answer.
 */
export async function askHealth(peer: GrpcClient, timeoutMs: number): Promise<ServingStatus> {
  const limits = { deadlineMs: Date.now() + timeoutMs, maxAnswerBytes: MAX_ANSWER_BYTES };
  return readServingStatus(await peer.unary(CHECK_PATH, REQUEST, limits));
}

/** Field of `HealthCheckResponse`. */
const STATUS = 1;

/**
 * Reads a `HealthCheckResponse`, without the code for all other messages. A number that the protocol does not know is
 * UNKNOWN.
 * @throws RangeError: it is no message.
 */
export function readServingStatus(answer: Buffer): ServingStatus {
  const reader = new WireReader(answer);
  let status = 0;
  for (let field = reader.nextOfAnyType(); field !== 0; field = reader.nextOfAnyType()) {
    if (field === STATUS && reader.isVarint) status = reader.number;
  }
  return SERVING_STATUSES[status] ?? 'UNKNOWN';
}
