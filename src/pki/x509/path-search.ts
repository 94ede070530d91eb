import type { CertificateFacts } from './certificate-facts.js';
import type { ChainLink } from './chain-link.js';
import { distinguishedNameText, isSameName } from './distinguished-name.js';
import type { IssuerPool } from './issuer-pool.js';
import { KEY_USAGE } from './known-values.js';
import type { Problem } from './problem.js';
import { type Below, caProblem, issuerProblem, policyProblem } from './rules.js';

/** Why there is no path, with the certificate that is in the way. */
export interface NoPath extends Problem {
  readonly what: string;
}

export type PathResult =
  /** From below to above; the last is a trust anchor. */
  { readonly kind: 'found'; readonly issuers: readonly ChainLink[] } | { readonly kind: 'none'; readonly why: NoPath };

/** Issuers above a leaf: real hierarchies have one to four. OpenSSL's verifier stops at 100. */
const MAX_ISSUERS = 10;

/**
 * What one search may cost. A hostile set has many CAs of one name: without a bound, the paths through n of them are
 * n!. (RFC 4158 §2.4.2; Go stops at 100 signatures, too)
 */
const MAX_SIGNATURES = 64;
const MAX_COMPARISONS = 20_000;

/**
 * Builds one path from a leaf, or from an issuer, to a trust anchor, and checks all of it: what peers demand of a path
 * (RFC 5280 §6.1, and OpenSSL, BoringSSL and Go where they demand more). The same as native/path.cc. One search is for
 * one path.
 */
export class PathSearch {
  private signatures = 0;
  private comparisons = 0;
  private why: { readonly height: number; readonly noPath: NoPath } | undefined;

  constructor(
    private readonly pool: IssuerPool,
    /** Epoch milliseconds. */
    private readonly nowMs: number,
  ) {}

  /** The path of a leaf that is there. Its own properties are for `leafProblem`. */
  fromLeaf(leaf: ChainLink): PathResult {
    const { facts } = leaf;
    if (typeof facts === 'string') return this.result(undefined, leaf);
    return this.result(this.extend(leaf, { leaf: facts, issuers: [] }, []), leaf);
  }

  /** The path of leaves that `issuer` has yet to sign, and that will be as `leaf`. It begins with the issuer itself. */
  fromIssuer(issuer: ChainLink, leaf: Below['leaf']): PathResult {
    const own = this.pool.candidates.find((known) => known.equals(issuer)) ?? issuer;
    return this.result(this.through(own, { leaf, issuers: [] }, []), own);
  }

  private result(issuers: readonly ChainLink[] | undefined, start: ChainLink): PathResult {
    if (issuers !== undefined) return { kind: 'found', issuers };
    return { kind: 'none', why: this.why?.noPath ?? this.unknownIssuer(start) };
  }

  /** The issuers above `last`, whose path so far is `path`; `below` are its facts. */
  private extend(last: ChainLink, below: Below, path: readonly ChainLink[]): readonly ChainLink[] | undefined {
    const { facts } = last;
    if (typeof facts === 'string') return undefined;
    if (facts.signatureProblem !== undefined)
      return this.note(last, { ...facts.signatureProblem, fault: 'weak-signature' }, path);
    if (path.length >= MAX_ISSUERS) {
      return this.note(last, { got: `${MAX_ISSUERS} issuers below it`, expected: 'a shorter path' }, path);
    }
    let hasIssuer = false;
    for (const candidate of this.pool.candidates) {
      if (path.includes(candidate) || !this.hasIssued(candidate, last, path)) continue;
      hasIssuer = true;
      const found = this.through(candidate, below, path);
      if (found !== undefined) return found;
    }
    if (!hasIssuer) this.keep(this.unknownIssuer(last), 2 * path.length + 1);
    return undefined;
  }

  /** The path through `issuer`, which has signed what is below it. */
  private through(issuer: ChainLink, below: Below, path: readonly ChainLink[]): readonly ChainLink[] | undefined {
    const { facts } = issuer;
    if (typeof facts === 'string')
      return this.note(issuer, { got: facts, expected: 'a certificate of RFC 5280' }, path);
    const problem = issuerProblem(facts, below, this.nowMs);
    if (problem !== undefined) return this.note(issuer, problem, path);
    const whole = [...path, issuer];
    const isAnchor = this.pool.isAnchor(issuer);
    // An anchor that has an issuer itself: the path goes on to a root that is trusted, too, for peers that have that
    // alone.
    if (!isAnchor || !issuer.namesItself) {
      const above = this.extend(issuer, { ...below, issuers: [...below.issuers, facts] }, whole);
      if (above !== undefined || !isAnchor) return above;
    }
    const policy = policyProblem(below);
    return policy === undefined ? whole : this.note(issuer, policy, path);
  }

  /** Names and key identifiers first, then the signature: as many as one search may cost. */
  private hasIssued(issuer: ChainLink, last: ChainLink, path: readonly ChainLink[]): boolean {
    this.comparisons += 1;
    if (this.comparisons > MAX_COMPARISONS) return this.isTooMuch(last);
    if (!last.certificate.checkIssued(issuer.certificate)) {
      this.noteMissingUsage(issuer, last, path);
      return false;
    }
    this.signatures += 1;
    return this.signatures > MAX_SIGNATURES ? this.isTooMuch(last) : last.isSignedBy(issuer);
  }

  private isTooMuch(last: ChainLink): false {
    const problem = { got: 'more possible issuers than are tried', expected: 'a few' };
    this.keep({ what: textOf(last.facts), ...problem }, Number.POSITIVE_INFINITY);
    return false;
  }

  /** OpenSSL says of it only that it is not the issuer. */
  private noteMissingUsage(issuer: ChainLink, { facts: last }: ChainLink, path: readonly ChainLink[]): void {
    const { facts } = issuer;
    if (typeof facts === 'string' || typeof last === 'string' || facts.keyUsage === undefined) return;
    const maySign = (facts.keyUsage & KEY_USAGE.keyCertSign) !== 0;
    const problem = maySign || !isSameName(last.issuer, facts.subject) ? undefined : caProblem(facts);
    if (problem !== undefined) this.note(issuer, problem, path);
  }

  private note({ facts }: ChainLink, problem: Problem, path: readonly ChainLink[]): undefined {
    this.keep({ what: textOf(facts), ...problem }, 2 * path.length + 2);
  }

  /** What is found furthest up says most. */
  private keep(noPath: NoPath, height: number): void {
    if (this.why === undefined || this.why.height < height) this.why = { height, noPath };
  }

  private unknownIssuer({ facts }: ChainLink): NoPath {
    if (typeof facts === 'string') return { what: textOf(facts), got: facts, expected: 'a certificate of RFC 5280' };
    const size = this.pool.anchors.length;
    const issuer = distinguishedNameText(facts.issuer);
    return {
      what: textOf(facts),
      got: `issuer "${issuer}"`,
      expected: `a path to one of the ${size} certificates of the bundle`,
    };
  }
}

/** As people know a certificate: a leaf of a mesh has no name but its SPIFFE ID. */
function textOf(facts: CertificateFacts | string): string {
  const name = typeof facts === 'string' ? '' : distinguishedNameText(facts.subject);
  return name === '' ? 'leaf' : `certificate "${name}"`;
}

/**
 * The certificates of a path that a peer is shown beside the leaf: all but the root, which peers have or do not trust.
 * A trust anchor that is no root goes along, for peers that have the root of it alone.
 */
export function shownIssuers(issuers: readonly ChainLink[]): readonly ChainLink[] {
  return issuers.filter((link, index) => index < issuers.length - 1 || !link.isRoot);
}
