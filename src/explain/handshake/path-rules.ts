import {
  type ChainLink,
  distinguishedNameText,
  IssuerPool,
  isSameName,
  type NoPath,
  type PathFault,
  PathSearch,
} from '../../pki/x509/index.js';
import type { SymptomId } from '../../symptoms/index.js';
import { judgeClocks } from './certificate-rules.js';
import { type Judgement, Rule } from './judgement.js';
import { fingerprintOf, type Side, trustDomainOf } from './side.js';

const bundle = new Rule('bundle');
const domain = new Rule('trust domain');
const path = new Rule('path');

/** In text and log: enough to tell roots apart. */
const SHOWN_FINGERPRINT_CHARS = 16;

/** Whether there are roots to verify with. */
export function judgeBundle({ label, anchors, identity }: Side): Judgement {
  if (anchors.length > 0) {
    return bundle.ok(`${label} trusts ${anchors.map(nameOf).join(', ')}`);
  }
  const hasSome = identity.text('bundle_version') !== undefined;
  if (hasSome) return bundle.unknown(`${label} has a bundle that its page does not show`);
  return bundle.fail('bundle-missing', `${label} has no trust bundle`);
}

/** The path from the leaf to a root of the verifier, by RFC 5280 and what Envoy asks for besides. */
export function judgePath(shown: Side, verifier: Side): Judgement[] {
  const [leaf, ...others] = shown.chain;
  const anchors = anchorsFor(shown, verifier);
  if (leaf === undefined || anchors.length === 0) return [];
  const result = searchPath(leaf, others, anchors, verifier.nowMs);
  const sameDomain = judgeDomain(shown, verifier, result.kind === 'found');
  if (sameDomain.verdict === 'fail') return [sameDomain];
  if (result.kind === 'found') {
    const anchor = result.issuers.at(-1);
    return [sameDomain, path.ok(`leads to ${anchor && nameOf(anchor)}`)];
  }
  return [sameDomain, noPath(result.why, { leaf, others, anchors, shown, verifier })];
}

function searchPath(leaf: ChainLink, others: readonly ChainLink[], anchors: readonly ChainLink[], nowMs: number) {
  return new PathSearch(new IssuerPool(anchors, others), nowMs).fromLeaf(leaf);
}

/** Those of its trust domain, where the verifier has them; no other root vouches for that. */
function anchorsFor(shown: Side, verifier: Side): readonly ChainLink[] {
  const theirs = domainOf(shown);
  const federated = theirs === verifier.trustDomain ? undefined : verifier.federated.get(theirs ?? '');
  return federated ?? verifier.anchors;
}

function judgeDomain(shown: Side, verifier: Side, hasPath: boolean): Judgement {
  const [theirs, ours] = [domainOf(shown), verifier.trustDomain];
  if (theirs === ours) return domain.ok(`both are of ${ours}`);
  const text = `${shown.label} is of ${theirs}, ${verifier.label} of ${ours}`;
  const fingerprints = shown.chain.map(fingerprintOf);
  const federated = verifier.federated.get(theirs ?? '');
  if (federated === undefined) {
    if (!hasPath) return domain.fail('trust-domain', `${text}, whose roots do not vouch for it`, fingerprints);
    return domain.warn('trust-domain', `${text}; their roots are common, so that the SAN matchers decide`);
  }
  if (federated.length === 0) {
    return domain.fail(
      'trust-domain',
      `${text}, which has no roots of it yet: see federation on its status page`,
      fingerprints,
    );
  }
  const asked = bundlesAskedFor(verifier);
  const isAsked = asked.some((name) => name !== 'ROOTCA' && name !== `spiffe://${ours}`);
  if (asked.length > 0 && !isAsked) {
    const names = [...new Set(asked)].join(', ');
    return domain.fail(
      'trust-domain',
      `${text}, whose agent has roots of it; its Envoys ask for ${names} alone`,
      fingerprints,
    );
  }
  return domain.ok(`${text}, which has ${federated.length} roots of it`);
}

function bundlesAskedFor({ page }: Side): string[] {
  const names = (page.section('sds')?.list('subscribers') ?? []).flatMap((one) => one.list('names'));
  return names.filter((one) => one.text('kind') === 'validation-context').flatMap((one) => one.text('name') ?? []);
}

function domainOf(side: Side): string | undefined {
  const uri = side.identity.texts('sans').find((name) => name.startsWith('URI:'));
  return trustDomainOf(uri?.slice('URI:'.length) ?? side.spiffeId) ?? side.trustDomain;
}

interface Meeting {
  readonly leaf: ChainLink;
  readonly others: readonly ChainLink[];
  /** Those that count. */
  readonly anchors: readonly ChainLink[];
  readonly shown: Side;
  readonly verifier: Side;
}

/** What to do differs by whether the certificate in the way is a root, one in between, or not there. */
function noPath(why: NoPath, meeting: Meeting): Judgement {
  const { anchors, shown, verifier } = meeting;
  const text = `${why.what}: got ${why.got}, expected ${why.expected}`;
  if (why.fault === undefined) return unknownIssuer(meeting);
  const culprit = [...anchors, ...shown.chain].find((link) => why.what === `certificate "${subjectOf(link)}"`);
  const isRoot = culprit !== undefined && anchors.some((anchor) => anchor.equals(culprit));
  const fingerprints = culprit === undefined ? [] : [fingerprintOf(culprit)];
  const skew = skewBehind(why.fault, meeting);
  if (skew !== undefined) return path.fail(skew.symptom ?? 'clock-skew', `${text}; ${skew.text}`, fingerprints);
  const where = isRoot ? ` (a root of ${verifier.label})` : ` (in the chain of ${shown.label})`;
  return path.fail(symptomOfFault(why.fault, isRoot, culprit === undefined), `${text}${where}`, fingerprints);
}

/** What is said of the clocks, when there would be a path by that of the other side. */
function skewBehind(fault: PathFault, { leaf, others, anchors, shown, verifier }: Meeting): Judgement | undefined {
  if (fault !== 'expired' && fault !== 'not-yet-valid') return undefined;
  const clocks = judgeClocks(shown, verifier);
  if (clocks.verdict !== 'warn') return undefined;
  const there = searchPath(leaf, others, anchors, shown.nowMs);
  return there.kind === 'found' ? clocks : undefined;
}

function symptomOfFault(fault: PathFault, isRoot: boolean, isLeaf: boolean): SymptomId {
  switch (fault) {
    case 'expired':
      return isRoot ? 'root-expired' : 'intermediate-expired';
    case 'not-yet-valid':
      return 'issuer-early';
    case 'name-constraints':
      return 'name-constraints';
    default:
      return isLeaf ? 'leaf-unfit' : 'issuer-unfit';
  }
}

/** No certificate that is there has signed the topmost one of the chain. */
function unknownIssuer({ leaf, others, anchors, shown, verifier }: Meeting): Judgement {
  const top = topOf(leaf, others);
  const wanted = typeof top.facts === 'string' ? [] : top.facts.issuer;
  const name = distinguishedNameText(wanted);
  const sameName = anchors.filter(({ facts }) => typeof facts !== 'string' && isSameName(facts.subject, wanted));
  const own = searchPath(leaf, others, shown.anchors, shown.nowMs);
  const root = own.kind === 'found' ? own.issuers.at(-1) : undefined;
  const issued = root === undefined ? `"${name}"` : nameOf(root);
  const has = `${verifier.label} trusts ${anchors.map(nameOf).join(', ')}`;
  const fingerprints = [fingerprintOf(leaf), ...(root === undefined ? [] : [fingerprintOf(root)])];
  if (leaf.isSignedBy(leaf)) {
    const text = `${shown.label}'s certificate is self-signed, by "${name}", and of no CA; ${has}`;
    return path.fail('root-missing', text, fingerprints);
  }
  if (sameName.length > 0) {
    const text = `${shown.label}'s certificate is of ${issued}; ${verifier.label} has a root of that name with another key, ${sameName.map(nameOf).join(', ')}`;
    return path.fail('root-same-name', text, [...fingerprints, ...sameName.map(fingerprintOf)]);
  }
  if (root !== undefined) {
    return path.fail(
      'root-missing',
      `${shown.label}'s certificate is of root ${issued}, which ${verifier.label}'s bundle does not have; ${has}`,
      fingerprints,
    );
  }
  // Its own agent has no such root either: then it is one in between, or its agent has lost the root.
  const isKnown = [...shown.anchors, ...anchors].some(
    ({ facts }) => typeof facts !== 'string' && isSameName(facts.subject, wanted),
  );
  const text = `${shown.label} shows ${others.length + 1} certificates; the issuer of the last, "${name}", is not among them, and no root of ${verifier.label} or ${shown.label}; ${has}`;
  return isKnown ? path.fail('root-missing', text) : path.fail('intermediate-missing', text);
}

/** Goes up the chain as far as it leads. */
function topOf(leaf: ChainLink, others: readonly ChainLink[]): ChainLink {
  let top = leaf;
  for (const _step of others) {
    const above = others.find((link) => link !== top && top.certificate.checkIssued(link.certificate));
    if (above === undefined) break;
    top = above;
  }
  return top;
}

function subjectOf({ facts }: ChainLink): string {
  return typeof facts === 'string' ? '' : distinguishedNameText(facts.subject);
}

/** A certificate as people tell it from others. */
export function nameOf(link: ChainLink): string {
  return `"${subjectOf(link)}" (${fingerprintOf(link).slice(0, SHOWN_FINGERPRINT_CHARS)})`;
}
