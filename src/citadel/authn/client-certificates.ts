import type { X509Certificate } from 'node:crypto';
import { IdentityError, messageOf } from '../../errors/index.js';
import { SpiffeId, type TrustBundle, type TrustDomain } from '../../pki/spiffe/index.js';
import { ChainLink, IssuerPool, isoTime, leafProblem, NameTag, namesText, PathSearch } from '../../pki/x509/index.js';
import type { AuthenticatedWorkload } from './authenticator.js';

export interface ClientCertificatesOptions {
  readonly trustDomain: TrustDomain;
  /** Other names of it, whose identities are taken for those of the same path in it. */
  readonly aliases: () => readonly TrustDomain[];
  /** The roots of the trust domain. */
  readonly bundle: () => TrustBundle;
  /** PEM: what callers may leave out of their chains. */
  readonly intermediates: () => readonly X509Certificate[];
  /** Whether a leaf counts no more, by its serial in hex. */
  readonly isRevoked: (serial: string) => boolean;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/**
 * Tells who calls by the certificate of its TLS connection: exactly one SPIFFE URI, and a path to the bundle of its
 * trust domain, by the rules that all paths are judged by. (reference: Istio C11) The handshake has proved that the
 * caller has the key.
 */
export class ClientCertificates {
  /** By the chain of a connection, of which the path is searched once. What it was found by may change meanwhile. */
  private readonly accepted = new WeakMap<readonly X509Certificate[], Accepted>();

  constructor(private readonly options: ClientCertificatesOptions) {}

  /** Why a connection whose peer has shown this chain, leaf first, is to be ended; `undefined` when it is not. */
  problem(chain: readonly X509Certificate[]): string | undefined {
    try {
      this.authenticate(chain);
      return undefined;
    } catch (error) {
      return messageOf(error);
    }
  }

  /** @throws IdentityError `ERR_CLIENT_CERTIFICATE_REFUSED`; the message is for the log. */
  authenticate(chain: readonly X509Certificate[]): AuthenticatedWorkload {
    const nowMs = this.options.now();
    const bundle = this.options.bundle();
    const known = this.accepted.get(chain);
    const { workload } = known?.bundle === bundle ? known : this.accept(chain, bundle, nowMs);
    // Connections outlive certificates.
    const [leaf] = chain;
    if (leaf !== undefined && this.options.isRevoked(leaf.serialNumber))
      throw refused(`revoked, serial ${leaf.serialNumber.toLowerCase()}`);
    if (nowMs > workload.tokenExpiresAtMs) throw refused(`expired at ${isoTime(workload.tokenExpiresAtMs)}`);
    return workload;
  }

  private accept(chain: readonly X509Certificate[], bundle: TrustBundle, nowMs: number): Accepted {
    const [leaf, ...others] = chain.map((certificate) => new ChainLink(certificate));
    if (leaf === undefined) throw refused('missing');
    const { facts } = leaf;
    if (typeof facts === 'string') throw refused(facts);
    const problem = leafProblem(facts);
    if (problem !== undefined) throw refused(`${problem.got}, expected ${problem.expected}`);
    if (nowMs < facts.notBeforeMs) throw refused(`not yet valid, notBefore ${isoTime(facts.notBeforeMs)}`);
    const spiffeId = this.identityOf(facts.names ?? []);
    const anchors = bundle.list().map((root) => new ChainLink(root));
    const ours = this.options.intermediates().map((certificate) => new ChainLink(certificate));
    const path = new PathSearch(new IssuerPool(anchors, [...ours, ...others]), nowMs).fromLeaf(leaf);
    if (path.kind === 'none') {
      const { what, got, expected } = path.why;
      throw refused(`no path to the bundle of ${spiffeId.trustDomain}: ${what} has ${got}, expected ${expected}`);
    }
    const accepted = {
      bundle,
      workload: {
        spiffeId,
        podName: undefined,
        tokenExpiresAtMs: facts.notAfterMs,
        authenticatedBy: 'client certificate',
      },
    };
    this.accepted.set(chain, accepted);
    return accepted;
  }

  private identityOf(names: readonly { readonly tag: number; readonly content: Buffer }[]): SpiffeId {
    const uris = names.filter(({ tag }) => tag === NameTag.uri);
    const [uri, ...more] = uris;
    if (uri === undefined || more.length > 0) {
      const got = uris.length === 0 ? 'none' : namesText(uris);
      throw refused(`URI names: got ${got}, expected exactly one SPIFFE ID`);
    }
    const id = parseId(uri.content.toString('latin1'));
    const { trustDomain, aliases } = this.options;
    const isOurs = trustDomain.equals(id.trustDomain) || aliases().some((alias) => alias.equals(id.trustDomain));
    if (!isOurs) throw refused(`trust domain: got ${id.trustDomain}, expected ${trustDomain} or one of its aliases`);
    // The names that we issue: others of the trust domain are no workloads. (reference: Istio C11)
    if (id.serviceAccount === undefined) {
      throw refused(`SPIFFE ID: got ${id}, expected spiffe://${trustDomain}/ns/<namespace>/sa/<service account>`);
    }
    return SpiffeId.parse(`spiffe://${trustDomain}${id.path}`);
  }
}

interface Accepted {
  /** Another one is another judge. */
  readonly bundle: TrustBundle;
  readonly workload: AuthenticatedWorkload;
}

function parseId(uri: string): SpiffeId {
  try {
    return SpiffeId.parse(uri);
  } catch (error) {
    throw refused(messageOf(error));
  }
}

function refused(problem: string): IdentityError {
  return new IdentityError('ERR_CLIENT_CERTIFICATE_REFUSED', `client certificate: ${problem}`);
}
