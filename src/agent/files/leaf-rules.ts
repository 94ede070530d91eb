import { type CertificateFacts, KEY_USAGE, type Problem } from '../../pki/x509/index.js';

/** `id-at-commonName`, 2.5.4.3, as the hex of its content. */
const COMMON_NAME = '550403';

/**
 * What Envoy, or every peer, would refuse of a server's own certificate whatever its time: then it never takes the
 * place of a good one. Ed25519 is Envoy's matter, too: it serves such a key, and as a peer it does not verify it. Held
 * against real Envoys by test/e2e/served-files.test.ts. (docs/adr/0023-files-as-envoy-takes-them.md)
 */
export function servedLeafProblem(facts: CertificateFacts, keyType: string | undefined): Problem | undefined {
  if (facts.keyProblem !== undefined && keyType !== 'ed25519') {
    return { got: facts.keyProblem.got, expected: `${facts.keyProblem.expected}, or Ed25519: Envoy takes no other` };
  }
  if (facts.isWeaklySigned && facts.signatureProblem !== undefined) return facts.signatureProblem;
  if (facts.keyUsage !== undefined && (facts.keyUsage & KEY_USAGE.digitalSignature) === 0) {
    return { got: 'a key usage without digitalSignature', expected: 'one that may sign a handshake' };
  }
  if (!hasName(facts)) return { got: 'neither a common name nor a subject alternative name', expected: 'one of them' };
  return undefined;
}

function hasName({ names = [], subject }: CertificateFacts): boolean {
  return names.length > 0 || subject.some((relative) => relative.some(({ oid }) => oid === COMMON_NAME));
}
