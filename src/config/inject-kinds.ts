import { type HostPort, type Kind, type SanMatcher, sanMatcher } from './kinds.js';

/** TCP ports: one, or all of them. */
export type PortMatch = number | '*';

/** A service that is called over mutual TLS, and the identities that it may prove. */
export interface MeshUpstream extends HostPort {
  readonly allowed: SanMatcher;
}

/** What a container asks for, or may use at most, by the name of the resource. */
export type Quantities = Readonly<Record<string, string>>;

/** RFC 1123 names with at least one letter in the last label; small letters, as Envoy matches Host headers by them. */
const SERVICE_NAME = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/;
const ENDS_IN_NUMBER = /(^|\.)\d+$/;

/** As Kubernetes writes quantities: 100m, 64Mi, 1.5. (apimachinery, "resource.Quantity") */
const QUANTITY = /^\d+(\.\d+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$/;

/** The form of a reference of distribution: registry, path, tag, digest. */
const IMAGE = /^[a-zA-Z0-9][a-zA-Z0-9._:/-]*(@sha256:[0-9a-f]{64})?$/;

export const tcpPort: Kind<number> = {
  placeholder: 'PORT',
  expected: 'a port from 1 to 65535',
  parse(text) {
    const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
    return port >= 1 && port <= 65_535 ? port : undefined;
  },
};

export const portMatch: Kind<PortMatch> = {
  placeholder: 'PORT|*',
  expected: 'a port from 1 to 65535, or * for all',
  parse: (text, files) => (text === '*' ? text : tcpPort.parse(text, files)),
};

export const meshUpstream: Kind<MeshUpstream> = {
  placeholder: 'HOST:PORT=SPIFFE-ID|PREFIX*',
  expected:
    'HOST:PORT=SPIFFE-ID such as httpbin.foo:8000=spiffe://cluster.local/ns/foo/sa/httpbin, HOST in small letters',
  parse(value, files) {
    const [, host = '', portText = '', id = ''] = /^([^:=]+):(\d+)=(.+)$/.exec(value) ?? [];
    const port = tcpPort.parse(portText, files);
    const allowed = sanMatcher.parse(id, files);
    const isName = SERVICE_NAME.test(host) && !ENDS_IN_NUMBER.test(host);
    return isName && port !== undefined && allowed !== undefined ? { host, port, allowed } : undefined;
  },
};

export const image: Kind<string> = {
  placeholder: 'IMAGE',
  expected: 'the name of an image',
  parse: (text) => (text.length <= 512 && IMAGE.test(text) ? text : undefined),
};

export const quantities: Kind<Quantities> = {
  placeholder: 'RESOURCE=QUANTITY,…',
  expected: 'RESOURCE=QUANTITY, separated by commas, such as cpu=50m,memory=64Mi, or none',
  parse(text) {
    if (text === 'none') return {};
    const pairs = text.split(',').map((part) => /^([a-z][a-z./-]*)=(\S+)$/.exec(part.trim())?.slice(1) ?? []);
    const areAll = pairs.every(([, quantity = '']) => QUANTITY.test(quantity));
    const names = new Set(pairs.map(([name]) => name));
    return areAll && names.size === pairs.length ? Object.fromEntries(pairs) : undefined;
  },
};

/** The longest time that is given a pod to end in: an hour. */
const MAX_DRAIN_SECONDS = 3600;

/** Whole seconds, as Kubernetes counts them; 0 for `off`. */
export const drainSeconds: Kind<number> = {
  placeholder: 'SECONDS|off',
  expected: `whole seconds such as 5s, up to ${MAX_DRAIN_SECONDS}s, or off`,
  parse(text) {
    if (text === 'off') return 0;
    const [, digits = ''] = /^(\d{1,4})s$/.exec(text) ?? [];
    const seconds = Number(digits);
    return seconds > 0 && seconds <= MAX_DRAIN_SECONDS ? seconds : undefined;
  },
};
