/**
 * agent/ca-client: asks a Citadel-compatible CA (our own, istiod, istio-csr) for a certificate over gRPC. It meets the
 * `CertificateIssuer` that `identity` declares; the two share no import, `app` plugs them together.
 */
export { type CaAnswer, type CaClient, type CaClientOptions, type CaRequest, createCaClient } from './ca-client.js';
export { type CaAddress, type CaConnectionOptions, type CaRoot, readRoot } from './ca-connection.js';
