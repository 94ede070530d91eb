import { CallFailure, status } from '../../net/grpc/index.js';
import type { Span } from '../../telemetry/index.js';
import type { CaFailure } from './ca-failure.js';
import type { CaAnswer } from './certificate-call.js';

const SERVICE = 'istio.v1.auth.IstioCertificateService';
const METHOD = 'CreateCertificate';

/**
 * The span of one try to get a certificate from the CA at `address`. (OpenTelemetry, "Semantic conventions for gRPC")
 */
export function attemptSpan(parent: Span, address: string, attempt: number): Span {
  const [, host, port] = /^\[?(.*?)\]?:(\d+)$/.exec(address) ?? [];
  const attributes = {
    ...{ 'rpc.system': 'grpc', 'rpc.service': SERVICE, 'rpc.method': METHOD },
    ...{ 'server.address': host, 'server.port': Number(port) },
    'sidecert.attempt': attempt,
  };
  return parent.child(`${SERVICE}/${METHOD}`, { kind: 'client', attributes });
}

/** Without a status there was no call: the roots could not be read, or the answer was none. */
export function endAttempt(span: Span, outcome: CaAnswer | CaFailure): void {
  if ('chainPem' in outcome) {
    span.set({ 'rpc.grpc.status_code': status.OK });
    span.end('OK');
    return;
  }
  const { error } = outcome;
  if (error.cause instanceof CallFailure) span.set({ 'rpc.grpc.status_code': error.cause.code });
  span.end(error.code);
}
