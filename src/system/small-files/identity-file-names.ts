/**
 * What the files of a workload's identity are called where Istio's agent writes or reads them: our agent reads, writes
 * and shows them by the same names. (reference: Istio A29)
 */
export const ISTIO_IDENTITY_FILES = { key: 'key.pem', chain: 'cert-chain.pem', roots: 'root-cert.pem' } as const;
