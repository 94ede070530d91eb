/**
 * agent/ca-client: asks a Citadel-compatible CA (our own, istiod, istio-csr), or several in their order, for a
 * certificate over gRPC. It meets the `CertificateIssuer` that `identity` declares; the two share no import, `app`
 * plugs them together.
 */
export { type CaClient, type CaClientOptions, type CaStatus, createCaClient } from './ca-client.js';
export { type CaAddress, type CaConnectionOptions, type CaRoot, type PlainCa, readRoot } from './ca-connection.js';
export { speaksNoTls } from './ca-failure.js';
export type { AnswerVerdict, CaAnswer, CaRequest, JudgedAnswer } from './certificate-call.js';
export { ClientCertificate, type ClientCertificateSource } from './client-certificate.js';
export { ClientCertificateFiles } from './client-certificate-files.js';
