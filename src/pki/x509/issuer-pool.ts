import type { ChainLink } from './chain-link.js';

/**
 * The certificates that a path may go through, each once, in the order in which they are tried: trust anchors first, of
 * those the ones that name themselves as their issuer, so that a path is as short as can be (RFC 4158 §3.2); then the
 * rest as it came, but for certificates that sign themselves: only an anchor may.
 */
export class IssuerPool {
  readonly candidates: readonly ChainLink[];

  /** `others` are from any source; an anchor need not sign itself. (RFC 5280 §6.1.1) */
  constructor(
    readonly anchors: readonly ChainLink[],
    others: readonly ChainLink[],
  ) {
    const untrusted = others.filter(
      (link, index) =>
        !link.namesItself && ![...anchors, ...others.slice(0, index)].some((known) => known.equals(link)),
    );
    this.candidates = [
      ...anchors.filter(({ namesItself }) => namesItself),
      ...anchors.filter(({ namesItself }) => !namesItself),
      ...untrusted,
    ];
  }

  isAnchor(link: ChainLink): boolean {
    return this.anchors.includes(link);
  }
}
