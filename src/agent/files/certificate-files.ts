import { type KeyObject, X509Certificate } from 'node:crypto';
import { IdentityError } from '../../errors/index.js';
import {
  ChainLink,
  encodePem,
  isIssuedBy,
  isoTime,
  type Problem,
  readCertificates,
  readPrivateKey,
} from '../../pki/x509/index.js';
import { servedLeafProblem } from './leaf-rules.js';

/** OpenSSL's verifier stops at 100; a chain in a handshake has a few. */
const MAX_CHAIN_CERTIFICATES = 10;

/** The bytes are those of the largest file that is read. */
const LIMITS = { code: 'ERR_SECRET_FILE_INVALID', maxBytes: 1024 * 1024 } as const;

/** Clocks of those who issue may be ahead of ours. */
const MAX_SKEW_MS = 5 * 60_000;

/** A pair that has been proven one. */
export interface CertificatePair {
  readonly leaf: X509Certificate;
  /** Leaf first. */
  readonly links: readonly [ChainLink, ...ChainLink[]];
  /** Leaf first; encoded again from DER, so that nothing else of the file reaches Envoy. */
  readonly chainPem: Buffer;
  /** PKCS#8, in memory of its own: wipe it. */
  readonly privateKeyPem: Buffer;
  /** Envoy refuses it without an OCSP response. */
  readonly mustStaple: boolean;
}

export interface PairMoment {
  /** Epoch milliseconds. */
  readonly nowMs: number;
  /** Another pair is served, so that this one can wait for its beginning. */
  readonly hasOther: boolean;
}

/**
 * Reads a certificate chain and its private key, both PEM, and proves what Envoy or its peers would refuse: that they
 * are a pair, of kinds that Envoy takes, and valid now.
 * @throws IdentityError `ERR_SECRET_FILE_INVALID`. No text says more of the key than its kind.
 */
export function parseCertificatePair(chain: Buffer, privateKey: Buffer, moment: PairMoment): CertificatePair {
  const key = readPrivateKey(privateKey, { ...LIMITS, what: 'key file' });
  const [leaf, ...others] = chainOf(parseChain(chain), key);
  const mustStaple = checkLeaf(leaf, key, moment);
  others.forEach((issuer, index) => {
    checkSignature(issuer, index + 2);
  });
  const der = key.export({ type: 'pkcs8', format: 'der' });
  const chainPem = Buffer.concat([leaf, ...others].map((link) => encodePem('CERTIFICATE', link.der)));
  const privateKeyPem = encodePem('PRIVATE KEY', der);
  der.fill(0);
  return { leaf: leaf.certificate, links: [leaf, ...others], chainPem, privateKeyPem, mustStaple };
}

function parseChain(pem: Buffer): ChainLink[] {
  const limits = { ...LIMITS, what: 'certificate file', maxBlocks: MAX_CHAIN_CERTIFICATES };
  return readCertificates(pem, limits).map((der, index) => {
    try {
      return new ChainLink(new X509Certificate(der));
    } catch (cause) {
      throw invalid(
        `certificate ${index + 1}`,
        { got: 'what does not parse', expected: 'an X.509 certificate' },
        cause,
      );
    }
  });
}

/**
 * The chain of the key: as it stands in the file when its first certificate is that of the key; else that one, wherever
 * it stands, and its issuers as far as they are there. Envoy takes the first certificate for the leaf.
 */
function chainOf(links: readonly ChainLink[], key: KeyObject): [ChainLink, ...ChainLink[]] {
  const leaf = links.find(({ certificate }) => certificate.checkPrivateKey(key));
  if (leaf === undefined) {
    throw invalid('certificate', { got: 'the key of another certificate', expected: 'that of the first one' });
  }
  if (leaf === links[0]) return [leaf, ...links.slice(1)];
  const chain: [ChainLink, ...ChainLink[]] = [leaf];
  for (let last = leaf; ; ) {
    const issuer = links.find((link) => !chain.includes(link) && isIssuedBy(last.certificate, link.certificate));
    if (issuer === undefined) return chain;
    chain.push(issuer);
    last = issuer;
  }
}

/** @returns whether it needs a staple. */
function checkLeaf({ facts }: ChainLink, key: KeyObject, { nowMs, hasOther }: PairMoment): boolean {
  const refuse = (problem: Problem): never => {
    throw invalid('certificate', problem);
  };
  if (typeof facts === 'string') return refuse({ got: facts, expected: 'an X.509 certificate' });
  const problem = servedLeafProblem(facts, key.asymmetricKeyType);
  if (problem !== undefined) return refuse(problem);
  const { notBeforeMs, notAfterMs } = facts;
  const begunMs = notBeforeMs - (hasOther ? 0 : MAX_SKEW_MS);
  if (begunMs > nowMs || nowMs >= notAfterMs) {
    const state = nowMs >= notAfterMs ? 'an expired one' : 'one that is not yet valid';
    refuse({
      got: `${state}, of ${isoTime(notBeforeMs)} to ${isoTime(notAfterMs)}`,
      expected: 'one that is valid now',
    });
  }
  return facts.mustStaple;
}

/** The signature of a root proves nothing, so its kind does not matter. */
function checkSignature(link: ChainLink, position: number): void {
  const { facts } = link;
  if (typeof facts === 'string' || !facts.isWeaklySigned || link.isRoot || facts.signatureProblem === undefined) return;
  throw invalid(`certificate ${position}`, facts.signatureProblem);
}

function invalid(what: string, { got, expected }: Problem, cause?: unknown): IdentityError {
  return new IdentityError('ERR_SECRET_FILE_INVALID', `${what}: got ${got}, expected ${expected}`, { cause });
}
