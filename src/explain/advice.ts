import type { ErrorCode } from '../errors/index.js';

/** What to do about a failed step towards a certificate: one text for each code, wherever it is said. */
const ADVICE: Partial<Record<ErrorCode, string>> = {
  ERR_CA_REFUSED_TOKEN:
    'compare iss, aud and sub of the token with what the CA accepts (--token-issuer and --token-audience of Citadel); its log has the reason',
  ERR_CA_DEADLINE: 'the CA takes the connection and does not answer: look at its log, and at its API server',
  ERR_CA_UNAVAILABLE: 'look at the log of the CA',
  ERR_CA_UNTRUSTED: 'compare --ca-root and --ca-server-name with the certificate of the CA, and the clocks',
  ERR_CA_OVERLOADED: 'the CA has too much to do: look at its CPU and its limits',
  ERR_CA_REJECTED_CSR: 'the CA does not issue such a certificate: compare --key-type, --ttl and --cert-signer',
  ERR_SVID_IDENTITY_MISMATCH: 'compare --namespace, --service-account and --trust-domain with the sub of the token',
  ERR_SVID_NOT_VALID_NOW: 'the clocks of the CA and of this machine differ: set them',
  ERR_SVID_UNTRUSTED: 'the CA answers with roots that do not verify its own certificates: mend its chain',
};

/** What to do about an error, by its code. */
export function adviceOf(code: string): string {
  return Object.hasOwn(ADVICE, code) ? (ADVICE[code as ErrorCode] ?? '') : 'docs/errors.md says what to do';
}
