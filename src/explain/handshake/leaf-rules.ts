import { createHash } from 'node:crypto';
import { isListOf, isValidAt, periodText, type RevocationList } from '../../agent/files/index.js';
import { type ChainLink, KEY_USAGE, leafProblem, NameTag, namesText } from '../../pki/x509/index.js';
import type { TlsContext } from './envoy-facts.js';
import { type Judgement, Rule } from './judgement.js';
import { matcherText, matchesName, nearMiss, type SanMatcher } from './san-matcher.js';
import { fingerprintOf, type Side } from './side.js';

/** Which part the side that shows a certificate has in the handshake. */
export type Part = 'client' | 'server';

const usage = new Rule('key usage');
const key = new Rule('key type');
const name = new Rule('SAN');
const revocation = new Rule('revocation');
const pins = new Rule('pins');

/** (RFC 5280 §4.2.1.12) */
const PURPOSE_OIDS = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' } as const;
const PURPOSES = { server: 'serverAuth', client: 'clientAuth' } as const;

/** Whether the leaf may be shown by this side of a handshake. */
export function judgeUsage(shown: Side, part: Part): Judgement | undefined {
  const [leaf] = shown.chain;
  if (leaf === undefined) return undefined;
  const { facts, certificate } = leaf;
  const fingerprints = [fingerprintOf(leaf)];
  if (typeof facts === 'string')
    return usage.fail('leaf-unfit', `${shown.label}'s certificate: ${facts}`, fingerprints);
  // Node.js calls the extended one so.
  const purposes: readonly string[] | undefined = certificate.keyUsage;
  if (purposes !== undefined && !purposes.includes(PURPOSE_OIDS[part])) {
    const text = `${shown.label}'s certificate has an extendedKeyUsage without ${PURPOSES[part]}, which a ${part} needs`;
    return usage.fail('extended-key-usage', text, fingerprints);
  }
  if (facts.keyProblem !== undefined) {
    const { got, expected } = facts.keyProblem;
    return usage.fail('leaf-unfit', `${shown.label}'s certificate: got ${got}, expected ${expected}`, fingerprints);
  }
  const problem = leafProblem(facts);
  if (problem === undefined) {
    const isStated = facts.keyUsage !== undefined && (facts.keyUsage & KEY_USAGE.digitalSignature) !== 0;
    return usage.ok(isStated ? `digitalSignature, ${PURPOSES[part]}` : 'not restricted');
  }
  const text = `${shown.label}'s certificate: got ${problem.got}, expected ${problem.expected}`;
  if (problem.fault === 'extended-key-usage')
    return usage.warn('extended-key-usage', `${text}, for the other way round`);
  return usage.fail(problem.fault === 'key-usage' ? 'key-usage' : 'leaf-unfit', text, fingerprints);
}

/** What each kind of key signs in a handshake. (RFC 8446 §4.2.3) */
const SIGNATURES: Readonly<Record<string, RegExp>> = {
  prime256v1: /^ecdsa_secp256r1_/,
  secp384r1: /^ecdsa_secp384r1_/,
  secp521r1: /^ecdsa_secp521r1_/,
  rsa: /^rsa_/,
  ed25519: /^ed25519$/,
};

/** What BoringSSL verifies no signature of, unless it is told to. (BoringSSL, `kVerifySignatureAlgorithms`) */
const UNUSUAL_KEYS = ['ed25519', 'ed448', 'secp521r1'];

/** Whether an Envoy verifies what the key of the leaf signs in a handshake. */
export function judgeKey(shown: Side, verifier: Side, contexts: readonly TlsContext[]): Judgement | undefined {
  const [leaf] = shown.chain;
  if (leaf === undefined) return undefined;
  const { asymmetricKeyType = '', asymmetricKeyDetails } = leaf.certificate.publicKey;
  const kind = asymmetricKeyDetails?.namedCurve ?? asymmetricKeyType;
  const lists = contexts.map(({ params }) => params.signatures);
  const own = lists.filter((list) => list.length > 0);
  if (own.length === lists.length && own.length > 0) {
    const wanted = SIGNATURES[kind];
    if (wanted !== undefined && own.some((list) => list.some((one) => wanted.test(one)))) return undefined;
    const text = `${shown.label}'s key is ${kind}, and the Envoy of ${verifier.label} verifies signatures by ${[...new Set(own.flat())].join(' ')} alone`;
    return key.fail('key-type', text, [fingerprintOf(leaf)]);
  }
  if (!UNUSUAL_KEYS.includes(kind)) return undefined;
  const text = `${shown.label}'s key is ${kind}, which the Envoy of ${verifier.label} verifies only with signature_algorithms set`;
  if (own.length > 0) return key.warn('key-type', text);
  return key.fail('key-type', text, [fingerprintOf(leaf)]);
}

/** Where the verifier lets in certain certificates alone, whether this is one. (Envoy, `verify_certificate_*`) */
export function judgePins(shown: Side, verifier: Side, contexts: readonly TlsContext[]): Judgement | undefined {
  const [leaf] = shown.chain;
  const pinned = contexts.filter((one) => one.pins.hashes.length + one.pins.keys.length > 0);
  if (leaf === undefined || pinned.length === 0) return undefined;
  const spki = leaf.certificate.publicKey.export({ type: 'spki', format: 'der' });
  const keyHash = createHash('sha256').update(spki).digest('base64');
  const isIn = ({ hashes, keys }: TlsContext['pins']): boolean =>
    keys.includes(keyHash) || hashes.some((one) => one.replaceAll(':', '').toLowerCase() === fingerprintOf(leaf));
  if (contexts.some((one) => !pinned.includes(one) || isIn(one.pins))) {
    return pins.warn('envoy-pins', `${verifier.label}'s Envoy has pins, which end with the next certificate`);
  }
  const text = `${shown.label}'s certificate (SHA-256 ${fingerprintOf(leaf)}, key ${keyHash}) is not among the pins of ${verifier.label}'s Envoy: ${pinned.flatMap((one) => [...one.pins.hashes, ...one.pins.keys]).join(', ')}`;
  return pins.fail('envoy-pins', text, [fingerprintOf(leaf)]);
}

/** Whether the verifier takes the names of the leaf. */
export function judgeNames(shown: Side, verifier: Side, contexts: readonly TlsContext[]): Judgement | undefined {
  const [leaf] = shown.chain;
  if (leaf === undefined || typeof leaf.facts === 'string') return undefined;
  const names = leaf.facts.names ?? [];
  const uris = names.filter(({ tag }) => tag === NameTag.uri);
  const shownNames = namesText(names) || 'no name';
  const fingerprints = [fingerprintOf(leaf)];
  if (uris.length !== 1) {
    return name.fail(
      'san-missing',
      `${shown.label}'s certificate is for ${shownNames}: got ${uris.length} URIs, expected one`,
      fingerprints,
    );
  }
  const sets = matcherSets(verifier, contexts);
  const isSpiffe = uris.some(({ content }) => content.toString('latin1').startsWith('spiffe://'));
  if (!isSpiffe && sets.every(({ matchers }) => matchers.length === 0)) {
    return name.fail(
      'san-missing',
      `${shown.label}'s certificate is for ${shownNames}, which is no SPIFFE ID`,
      fingerprints,
    );
  }
  if (sets.length === 0) {
    return name.unknown(
      `nothing is known of what ${verifier.label} accepts; give its Envoy (--${verifier.label.toLowerCase()}-envoy), or --${verifier.label.toLowerCase()}-expects`,
    );
  }
  const verdicts = sets.map(({ matchers }) => {
    const fits = matchers.map((one) => matchesName(one, names));
    return fits.length === 0 || fits.includes(true) ? true : fits.includes(undefined) ? undefined : false;
  });
  const wanted = sets.map(({ where, matchers }) => `${where} accepts ${matchers.map(matcherText).join(' or ')}`);
  if (verdicts.every((one) => one === false)) {
    const hint = nearMiss(
      uris.map(({ content }) => content.toString('latin1')),
      sets.flatMap(({ matchers }) => matchers),
    );
    return name.fail(
      'san-mismatch',
      `${shown.label}'s certificate is for ${shownNames}; ${wanted.join('; ')}${hint === undefined ? '' : `: ${hint}`}`,
      fingerprints,
    );
  }
  if (!verdicts.includes(true)) {
    return name.unknown(`whether ${shownNames} fits cannot be told; ${wanted.join('; ')}`);
  }
  const places = sets.filter((_set, index) => verdicts[index] === true).map(({ where }) => where);
  return name.ok(`${shownNames} is accepted by ${places.join(', ')}`);
}

/** What is accepted, by place: one of the matchers of a place has to fit; none there is any name. */
function matcherSets(verifier: Side, contexts: readonly TlsContext[]) {
  const { label, expectedSans, servedSans } = verifier;
  if (expectedSans.length > 0) return [{ where: label, matchers: expectedSans }];
  // Envoy merges the matchers of its own configuration and those that come with the bundle.
  const ofContexts = contexts.map((context) => ({
    where: `${context.name || context.side} of ${label}'s Envoy`,
    matchers: [...context.matchers, ...servedSans] as readonly SanMatcher[],
  }));
  if (ofContexts.length > 0) return ofContexts;
  return servedSans.length === 0 ? [] : [{ where: `${label}'s agent (--peer-san)`, matchers: servedSans }];
}

/** Whether the verifier has a list with a certificate of the chain, or lists that refuse all. */
export function judgeRevocation(shown: Side, verifier: Side): Judgement | undefined {
  const { crls, anchors, label } = verifier;
  const size = verifier.page.section('peers')?.number('crl_bytes');
  if (crls.length === 0) {
    if (size === undefined) return undefined;
    return revocation.unknown(`${label} has revocation lists of ${size} bytes, which its page does not show`);
  }
  // Those that a Citadel gives are held against the leaf, those of --crl against the whole chain.
  const isOfLeaves = verifier.page.section('peers')?.flag('crls_for_leaves') === true;
  for (const link of isOfLeaves ? shown.chain.slice(0, 1) : shown.chain) {
    const { facts } = link;
    if (typeof facts === 'string') continue;
    const ofIssuer = crls.filter((list) => isListOf(list, facts.issuer));
    if (ofIssuer.some((list) => list.revokes(link.certificate.serialNumber))) {
      const text = `${whatOf(link, shown)} (serial ${link.certificate.serialNumber.toLowerCase()}) is on ${label}'s revocation list`;
      return revocation.fail('revoked', text, [fingerprintOf(link)]);
    }
    if (ofIssuer.length === 0) {
      return revocation.fail(
        'crl-unusable',
        `${label} has lists, and none of the issuer of ${whatOf(link, shown)}`,
        anchors.map(fingerprintOf),
      );
    }
    const problem = listProblem(ofIssuer, link, { shown, verifier });
    if (problem !== undefined) {
      const text = `${label}'s list of the issuer of ${whatOf(link, shown)} ${problem}`;
      return revocation.fail('crl-unusable', text);
    }
  }
  return revocation.ok(`no certificate of ${shown.label}'s chain is on ${label}'s lists`);
}

/** Why Envoy refuses every peer of an issuer for its lists. */
function listProblem(
  lists: readonly RevocationList[],
  link: ChainLink,
  { shown, verifier }: { readonly shown: Side; readonly verifier: Side },
): string | undefined {
  const [first] = lists;
  if (first !== undefined && !lists.some((list) => isValidAt(list, verifier.nowMs))) {
    return `is not valid now: ${periodText(first)}`;
  }
  const critical = lists.find((list) => list.critical !== undefined)?.critical;
  if (critical !== undefined) return `has the critical extension ${critical}, which Envoy does not know`;
  const issuer = [...verifier.anchors, ...shown.chain].find((one) => link.isSignedBy(one));
  // Beside that of another key of that name: a change of the root has two.
  const isForged = issuer !== undefined && lists.every((list) => list.isSignedBy(issuer.certificate) === false);
  return isForged ? 'is not signed by its key: it is of another CA of that name' : undefined;
}

function whatOf(link: ChainLink, { label, chain }: Side): string {
  return link === chain[0] ? `${label}'s certificate` : `an intermediate of ${label}`;
}
