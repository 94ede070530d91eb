import type { ArrivingCall } from '../../net/grpc/index.js';
import type { Span, SpanAttributes, Tracer } from '../../telemetry/index.js';
import type { AuthenticatedWorkload } from '../authn/index.js';
import type { CallerTrace } from './certificate-issuance.js';

const SERVICE = 'istio.v1.auth.IstioCertificateService';
const METHOD = 'CreateCertificate';

/** The span of a call for a certificate, a part of its caller's trace where that brings one. */
export function serverSpan(tracer: Tracer, call: ArrivingCall, { address, connection }: CallerTrace): Span {
  const attributes = {
    ...{ 'rpc.system': 'grpc', 'rpc.service': SERVICE, 'rpc.method': METHOD },
    ...{ 'client.address': address, 'sidecert.connection': connection },
  };
  return tracer.serve(`${SERVICE}/${METHOD}`, call.metadata('traceparent'), { kind: 'server', attributes });
}

/** `grpcStatus`: what the caller was answered. */
export function endServerSpan(span: Span, code: string, grpcStatus: number): void {
  span.set({ 'rpc.grpc.status_code': grpcStatus });
  span.end(code);
}

/** Whom the certificate is for: verified by then. */
export function workloadAttributes({ spiffeId, podName, podUid }: AuthenticatedWorkload): SpanAttributes {
  return {
    'sidecert.spiffe_id': spiffeId.toString(),
    'k8s.namespace.name': spiffeId.serviceAccount?.namespace,
    ...{ 'k8s.pod.name': podName, 'k8s.pod.uid': podUid },
  };
}
