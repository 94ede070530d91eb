import { isIP, isIPv6, SocketAddress } from 'node:net';
import { type HostPort, hostPort, type Kind } from './kinds.js';

/**
 * What no socket of Envoy can be bound to: IPv4 in an IPv6 address, as Envoy's IPv6 sockets take no IPv4; link-local
 * ones, which need a zone; multicast and broadcast. `envoy --mode validate` does not notice. (RFC 4291 §2.5.5.2,
 * §2.5.6, §2.7; RFC 5771)
 */
const UNBINDABLE = /^(::ffff:|fe[89ab]|ff|2(2[4-9]|3\d)\.|255\.255\.255\.255$)/;

/** Where Envoy listens: it resolves no names for that. Port 0 takes a free one. (envoy#2655) */
export const envoyListenAddress: Kind<HostPort> = {
  placeholder: 'IP:PORT',
  expected:
    'an IP address to listen on (an IPv6 one in brackets) with a port from 0 to 65535, such as 127.0.0.1:15001 or [::]:15006',
  parse(value, files) {
    const address = hostPort.parse(value, files);
    if (address === undefined || isIP(address.host) === 0) return undefined;
    return UNBINDABLE.test(canonicalHost(address.host)) ? undefined : address;
  },
};

/** What Envoy calls: a name, or an address without a zone, which Envoy knows in a field of its own only. */
export const envoyPeerAddress: Kind<HostPort> = {
  placeholder: 'HOST:PORT',
  expected: 'HOST:PORT with a port from 1 to 65535, an IPv6 address in brackets and without a zone',
  parse(value, files) {
    const address = hostPort.parse(value, files);
    return address === undefined || address.port === 0 ? undefined : address;
  },
};

/** Of the many forms of an IPv6 address the shortest one, in small letters. (RFC 5952) */
export function canonicalHost(host: string): string {
  return isIPv6(host) ? new SocketAddress({ address: host, family: 'ipv6' }).address : host;
}
