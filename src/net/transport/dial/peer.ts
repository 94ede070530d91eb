import { isIP } from 'node:net';

/** A peer that is verified against `rootPem` only. */
export interface TlsTarget {
  /** `host:port`, an IPv6 address in brackets. */
  readonly address: string;
  readonly rootPem: Buffer;
  /** The name in the peer's certificate, when it is not the host of `address`. */
  readonly serverName?: string;
  /** What a peer that asks for it is shown: PEM, the leaf first. */
  readonly clientCertificate?: { readonly chainPem: Buffer; readonly privateKeyPem: Buffer } | undefined;
}

/** One target, in the form that each protocol wants. */
export interface Peer {
  /** For the resolver: with a last dot, which keeps it from searching, and with the zone of a link-local address. */
  readonly host: string;
  readonly port: number;
  /** What the certificate must be for. */
  readonly certificateName: string;
  /** SNI: never for an address. (RFC 6066 §3) */
  readonly serverName: string | undefined;
  /** The `:authority` of requests. */
  readonly authority: string;
}

/**
 * Reads a target. A last dot and a zone are for this machine alone: neither is part of a name in a certificate, in SNI
 * (RFC 6066 §3: "without a trailing dot"), or in `:authority` (RFC 6874 §4).
 */
export function readPeer({ address, serverName }: Pick<TlsTarget, 'address' | 'serverName'>): Peer {
  const at = address.lastIndexOf(':');
  const host = address.slice(0, at).replace(/^\[|\]$/g, '');
  const port = Number(address.slice(at + 1));
  const certificateName = nameOf(serverName ?? host);
  const isAddress = isIP(certificateName) !== 0;
  return {
    host,
    port,
    certificateName,
    serverName: isAddress ? undefined : certificateName,
    authority: serverName === undefined ? `${bracketed(certificateName)}:${port}` : certificateName,
  };
}

function nameOf(host: string): string {
  return isIP(host) === 0 ? host.replace(/\.$/, '') : host.replace(/%.*$/, '');
}

function bracketed(name: string): string {
  return isIP(name) === 6 ? `[${name}]` : name;
}
