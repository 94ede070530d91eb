import { createPublicKey, type KeyObject, sign, verify, X509Certificate } from 'node:crypto';
import { IdentityError } from '../../src/errors/index.js';
import { type IssuedLeaf, Signer } from '../../src/hotpath/index.js';
import * as der from '../../src/pki/x509/der-writer.js';
import { makeSelfSignedRoot } from '../../src/pki/x509/index.js';
import { Oid } from '../../src/pki/x509/oids.js';
import { mutated, oneOf, type Random } from '../hostile/conversations.js';
import { IMPLEMENTATIONS, type Implementation } from '../hotpath/implementations.js';
import { csrPem, derOf, HOUR_MS, NOW_MS, SLEEP, signedCsr } from '../hotpath/pki.js';
import { alternativeNames, general, keyUsage, oddKeys, unknownExtension } from '../support/odd-certificates.js';
import { mutatedDer, partsOf, sequenceOf } from './der-mutation.js';
import type { Fault, FuzzTarget } from './target.js';

const ECDSA_SHA256 = der.sequence(der.objectIdentifier('1.2.840.10045.4.3.2'));
const RSA_SHA256 = der.sequence(der.objectIdentifier('1.2.840.113549.1.1.11'), der.nothing());

const asks = (...extensions: readonly Buffer[]): Buffer =>
  der.sequence(Oid.extensionRequest, der.setOfOne(der.sequence(...extensions)));
const names = alternativeNames(general.uri(SLEEP), general.dns('a.example.com'), general.ip(10, 0, 0, 1));
/** challengePassword, as the openssl command asks for it. (RFC 2985 §5.4.1) */
const password = der.sequence(der.objectIdentifier('1.2.840.113549.1.9.7'), der.setOfOne(der.utf8String('secret')));
const ATTRIBUTES: readonly (readonly Buffer[])[] = [
  [],
  [asks(alternativeNames(general.uri(SLEEP)))],
  [password, asks(keyUsage('digitalSignature'), names, unknownExtension(true))],
];

interface Seed {
  readonly der: Buffer;
  readonly key: KeyObject;
}

const seeds: readonly Seed[] = (['p256', 'p256', 'p384', 'rsa2048', 'p521', 'k1', 'rsa1024'] as const).flatMap(
  (kind) => {
    const keys = oddKeys(kind);
    const algorithm = kind.startsWith('rsa') ? RSA_SHA256 : ECDSA_SHA256;
    return ATTRIBUTES.map((attributes) => ({
      der: derOf(signedCsr(keys, { algorithm, attributes })),
      key: keys.privateKey,
    }));
  },
);
const donors = seeds.map((seed) => seed.der);

const root = makeSelfSignedRoot({
  ...{ keyType: 'ec-p256', organization: 'cluster.local' },
  ...{ notBeforeMs: NOW_MS - HOUR_MS, notAfterMs: NOW_MS + HOUR_MS },
});
const signer = Signer.load(root.certificatePem, root.privateKeyPem).material;
const rootCertificate = new X509Certificate(root.certificatePem);
const SERIAL = Buffer.from('40112233445566778899aabbccddeeff', 'hex');

/**
 * A request of which something is changed; as a rule its key signs it again, so that what is behind the signature is
 * reached.
 */
function hostileRequest(random: Random): Buffer {
  const { der: whole, key } = oneOf(random, seeds);
  const [info, algorithm] = partsOf(whole);
  const kind = random();
  if (kind < 0.02) return csrPem(whole);
  if (kind < 0.1) return mutated(random, csrPem(whole));
  if (kind < 0.3 || info === undefined || algorithm === undefined) return csrPem(mutatedDer(random, whole, donors));
  let changed = mutatedDer(random, info, donors);
  if (random() < 0.3) changed = mutatedDer(random, changed, donors);
  return csrPem(sequenceOf(changed, algorithm, der.bitString(sign('sha256', changed, key))));
}

type Verdict = IssuedLeaf | string;

function verdictOf({ issue }: Implementation, text: Buffer): Verdict {
  const times = { notBeforeMs: NOW_MS - 120_000, notAfterMs: NOW_MS + HOUR_MS };
  try {
    return issue({ csrPem: text, signer, subjectAltNames: [SLEEP], ...times }, SERIAL);
  } catch (error) {
    if (error instanceof IdentityError && error.code !== 'ERR_INTERNAL') return error.code;
    throw error;
  }
}

/** What two leaves for one request must have in common: all but the signature, which has a random number in it. */
function sameOf(verdict: Verdict): string {
  if (typeof verdict === 'string') return verdict;
  const [toBeSigned] = partsOf(derOf(verdict.leafPem));
  return `${verdict.requestedUri} ${toBeSigned?.toString('hex')}`;
}

/** What is wrong of a leaf, by OpenSSL: it has the key of the request, which that key has signed. */
function faultOf(leafPem: Buffer, text: Buffer): Fault {
  const leaf = new X509Certificate(leafPem);
  if (!leaf.verify(rootCertificate.publicKey) || leaf.subjectAltName !== `URI:${SLEEP}`)
    return 'a leaf of another kind';
  const [info, , signature] = partsOf(derOf(text));
  const [, , publicKeyInfo] = partsOf(info ?? Buffer.alloc(0));
  if (info === undefined || signature === undefined || publicKeyInfo === undefined)
    return 'accepted what is no request';
  const key = createPublicKey({ key: publicKeyInfo, format: 'der', type: 'spki' });
  if (!key.equals(leaf.publicKey)) return 'a leaf for another key';
  const octets = signature.subarray(signature.length < 0x82 ? 3 : signature.readUInt8(1) === 0x81 ? 4 : 5);
  const hashes = ['sha256', 'sha384', 'sha512'];
  return hashes.some((hash) => verify(hash, info, key, octets)) ? undefined : 'accepted without its signature';
}

/**
 * Requests for certificates: both hot paths say the same of each, and OpenSSL (node:crypto) verifies the signature of
 * what they accept, and reads the key. It is not asked about the rest of a request: neither subject nor attributes
 * decide anything.
 */
export const csr: FuzzTarget = {
  name: 'csr',
  maxInputMs: 250,
  maxGrownMb: 30,
  testRuns: 300,
  open() {
    const met: Record<string, number> = {};
    return {
      met,
      run(random) {
        const text = hostileRequest(random);
        const [verdict = 'none', ...others] = IMPLEMENTATIONS.map((implementation) => verdictOf(implementation, text));
        const end = typeof verdict === 'string' ? verdict : 'accepted';
        met[end] = (met[end] ?? 0) + 1;
        const same = sameOf(verdict);
        const other = others.map(sameOf).find((one) => one !== same);
        if (other !== undefined) return `${IMPLEMENTATIONS.map(({ kind }) => kind)}: ${same}, ${other}: ${text}`;
        if (typeof verdict === 'string') return undefined;
        const fault = faultOf(verdict.leafPem, text);
        return fault === undefined ? undefined : `${fault}: ${text}`;
      },
    };
  },
};
