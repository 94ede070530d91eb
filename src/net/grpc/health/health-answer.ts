import { WireReader } from '../../protobuf/index.js';

/** The names of `HealthCheckResponse.ServingStatus`, by their numbers. (gRPC Health Checking Protocol) */
const SERVING_STATUSES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'] as const;

export type ServingStatus = (typeof SERVING_STATUSES)[number];

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
