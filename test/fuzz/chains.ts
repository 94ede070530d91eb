import { type KeyObject, sign, X509Certificate } from 'node:crypto';
import { IdentityError } from '../../src/errors/index.js';
import type { SealedSvid, SealRequest } from '../../src/hotpath/index.js';
import { envoy } from '../../src/net/protobuf/index.js';
import * as der from '../../src/pki/x509/der-writer.js';
import { encodePem } from '../../src/pki/x509/index.js';
import { below, mutated, oneOf, type Random } from '../hostile/conversations.js';
import { IMPLEMENTATIONS, type Implementation } from '../hotpath/implementations.js';
import { HOUR_MS, NOW_MS, pkcs8, SLEEP } from '../hotpath/pki.js';
import { type OddSet, oddSet } from '../support/odd-sets.js';
import { mutatedDer, partsOf, sequenceOf } from './der-mutation.js';
import type { Fault, FuzzTarget } from './target.js';

const { Secret } = envoy.extensions.transport_sockets.tls.v3;

/** Their CAs share few names and keys, so that certificates of one fit into another. */
const SETS = 100;

const sets = Array.from({ length: SETS }, (_, seed) => oddSet(seed + 1, SLEEP, NOW_MS));

/** All leaves have one key. */
const LEAF_KEY = (sets[0] as OddSet).leafKey;

/** Those that are sealed as they are: they come more often, for a mutated one seldom is. */
const good = sets.filter((set) => {
  const request = requestOf(set);
  return IMPLEMENTATIONS.slice(0, 1).every((implementation) => typeof verdictOf(implementation, request) !== 'string');
});
const donors = sets.flatMap(({ leaf, others }) => [leaf, ...others]);

interface Hand {
  readonly leaf: Buffer;
  readonly others: readonly Buffer[];
  readonly roots: readonly Buffer[];
}

function pemOf(ders: readonly Buffer[]): Buffer {
  return Buffer.concat(ders.map((one) => encodePem('CERTIFICATE', one)));
}

function requestOf({ leaf, others, roots }: Hand): SealRequest {
  const texts = { chainPem: pemOf([leaf, ...others]), bundlePem: pemOf(roots) };
  return { privateKey: pkcs8(LEAF_KEY), ...texts, spiffeId: SLEEP, nowMs: NOW_MS, minLifeMs: 1000 };
}

/** A certificate of which something is changed, as a rule signed again by the key that had signed it. */
function mutatedCertificate(random: Random, whole: Buffer, signer: KeyObject | undefined): Buffer {
  const [info, algorithm] = partsOf(whole);
  if (info === undefined || algorithm === undefined || signer === undefined || random() < 0.2) {
    return mutatedDer(random, whole, donors);
  }
  const changed = mutatedDer(random, info, donors);
  const isEd25519 = signer.asymmetricKeyType === 'ed25519';
  return sequenceOf(changed, algorithm, der.bitString(sign(isEd25519 ? null : 'sha256', changed, signer)));
}

/** `list` with some left out, put elsewhere, doubled, taken from another set, or mutated. */
function recombined(random: Random, list: readonly Buffer[], { signers }: OddSet): Buffer[] {
  const changed = [...list];
  for (let count = below(random, 4); count > 0; count -= 1) {
    const at = below(random, changed.length + 1);
    const there = changed[at];
    switch (below(random, 5)) {
      case 0:
        changed.splice(at, 1);
        break;
      case 1:
        changed.push(...changed.splice(0, at));
        break;
      case 2: {
        const other = oneOf(random, sets);
        changed.splice(at, 0, ...oneOf(random, [other.others, other.roots, [other.leaf]]));
        break;
      }
      default:
        if (there !== undefined) changed[at] = mutatedCertificate(random, there, signers.get(there));
    }
  }
  return changed;
}

function hostileRequest(random: Random): SealRequest {
  const set = oneOf(random, random() < 0.8 ? good : sets);
  const leaf = random() < 0.25 ? mutatedCertificate(random, set.leaf, set.signers.get(set.leaf)) : set.leaf;
  const others = random() < 0.6 ? recombined(random, set.others, set) : set.others;
  const roots = random() < 0.4 ? recombined(random, set.roots, set) : set.roots;
  const request = requestOf({ leaf, others, roots });
  const inTime = { nowMs: NOW_MS + (random() < 0.9 ? 0 : (below(random, 5) - 2) * HOUR_MS) };
  const moments = { ...inTime, maxAheadMs: random() < 0.8 ? 0 : 2 * HOUR_MS };
  const kind = random();
  if (kind < 0.03) return { ...request, ...moments, chainPem: mutated(random, request.chainPem) };
  if (kind < 0.06 && request.bundlePem.length > 0) {
    return { ...request, ...moments, bundlePem: mutated(random, request.bundlePem) };
  }
  return { ...request, ...moments };
}

type Verdict = SealedSvid | string;

function verdictOf({ seal }: Implementation, request: SealRequest): Verdict {
  try {
    return seal(request);
  } catch (error) {
    if (error instanceof IdentityError && error.code !== 'ERR_INTERNAL') return textOf(error);
    throw error;
  }
}

/** Word for word, but for what PEM readers say of one fault: it differs, and is a matter of their own target. */
function textOf({ code, message }: IdentityError): string {
  return /^(certificate chain|trust bundle): got/.test(message) ? code : `${code} ${message}`;
}

function sameOf(verdict: Verdict): string {
  if (typeof verdict === 'string') return verdict;
  const { certificateBody, bundleBody, serial, notBeforeMs, notAfterMs } = verdict;
  return [serial, notBeforeMs, notAfterMs, certificateBody.toString('hex'), bundleBody.toString('hex')].join();
}

const BLOCK = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** OpenSSL throws for an anchor whose key it cannot read. */
function isSignedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return certificate.verify(issuer.publicKey);
  } catch {
    return false;
  }
}

/**
 * What is wrong of what is served, by OpenSSL: each certificate signed by the next one, and the last one by an anchor.
 */
function faultOf({ certificateBody, bundleBody }: SealedSvid, leafKey: KeyObject): Fault {
  const read = (bytes: Uint8Array | null | undefined): X509Certificate[] =>
    (
      Buffer.from(bytes ?? [])
        .toString('latin1')
        .match(BLOCK) ?? []
    ).map((text) => new X509Certificate(text));
  const chain = read(Secret.decode(certificateBody).tlsCertificate?.certificateChain?.inlineBytes);
  const anchors = read(Secret.decode(bundleBody).validationContext?.trustedCa?.inlineBytes);
  if (chain[0]?.checkPrivateKey(leafKey) !== true) return 'a leaf of another key';
  for (const [at, one] of chain.entries()) {
    const issuers = chain[at + 1] === undefined ? anchors : chain.slice(at + 1, at + 2);
    const isAnchor = at === chain.length - 1 && at > 0 && anchors.some(({ raw }) => raw.equals(one.raw));
    if (!isAnchor && !issuers.some((issuer) => isSignedBy(one, issuer)))
      return `certificate ${at + 1} of the path is not signed by the next one`;
    if (at > 0 && !one.ca) return `certificate ${at + 1} of the path is no CA`;
  }
  return undefined;
}

/**
 * Chains and bundles whose certificates are mutated, signed again, taken from other sets, left out and put elsewhere:
 * both hot paths say the same of each, word for word or octet for octet, and OpenSSL verifies what they serve.
 */
export const chains: FuzzTarget = {
  name: 'chains',
  maxInputMs: 500,
  maxGrownMb: 30,
  testRuns: 200,
  open() {
    const met: Record<string, number> = {};
    return {
      met,
      run(random) {
        const request = hostileRequest(random);
        const [verdict = 'none', ...others] = IMPLEMENTATIONS.map((one) => verdictOf(one, request));
        const end = typeof verdict === 'string' ? verdict.replace(/ .*/s, '') : 'accepted';
        met[end] = (met[end] ?? 0) + 1;
        const same = sameOf(verdict);
        const other = others.map(sameOf).find((one) => one !== same);
        const fault = other === undefined && typeof verdict !== 'string' ? faultOf(verdict, LEAF_KEY) : undefined;
        if (other === undefined && fault === undefined) return undefined;
        const told = fault ?? `${IMPLEMENTATIONS.map(({ kind }) => kind)}: ${same}, ${other}`;
        return `${told}\n${request.chainPem}bundle:\n${request.bundlePem}`;
      },
    };
  },
};
