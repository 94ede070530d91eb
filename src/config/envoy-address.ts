import { isIP } from 'node:net';
import { type HostPort, hostPort, type Kind } from './kinds.js';

/** Where Envoy listens: it resolves no names for that. Port 0 takes a free one. (envoy#2655) */
export const envoyListenAddress: Kind<HostPort> = {
  placeholder: 'IP:PORT',
  expected: 'an IP address (an IPv6 one in brackets) with a port from 0 to 65535, such as 127.0.0.1:15001',
  parse(value, files) {
    const address = hostPort.parse(value, files);
    return address === undefined || isIP(address.host) === 0 ? undefined : address;
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
