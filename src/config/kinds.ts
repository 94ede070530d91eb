import { isIP } from 'node:net';
import { isAbsolute } from 'node:path';
import { SpiffeId, TrustDomain } from '../pki/spiffe/index.js';
import { parseDurationMs, plainSerial } from '../text/index.js';
import { type Pkcs11Uri, parsePkcs11Uri } from './pkcs11-uri.js';

/** What a kind may ask about the machine. */
export interface FileFacts {
  /** Why a file cannot be read, as the system says it; `undefined` when it can. */
  whyUnreadable(path: string): string | undefined;
}

/** One kind of value: how it is called in the help, what is expected, and its parser. */
export interface Kind<T> {
  /** Stands for the value in the help: `HOST:PORT`. */
  readonly placeholder: string;
  /** Completes "got X, expected …". */
  readonly expected: string;
  /** The value, or `undefined` when `text` is none of this kind. */
  parse(text: string, files: FileFacts): T | undefined;
  /** What a complaint may quote of `text`: of a kind that may hold secrets. Left out, all of it. */
  shown?(text: string): string;
  /** Why `text` is none, where that is not plain from what is expected. */
  whyNot?(text: string, files: FileFacts): string | undefined;
}

/** A network address. IPv6 addresses are written in brackets: `[::1]:15012`. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Whose URI SAN is let in. */
export interface SanMatcher {
  readonly kind: 'exact' | 'prefix';
  readonly value: string;
}

/** A name that the certificates of one service account have beside its SPIFFE ID. */
export interface AccountName {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly dnsName: string;
}

/** A name and the file that it stands for. */
export interface NamedFile {
  readonly name: string;
  readonly file: string;
}

/**
 * RFC 1123 §2.1: letters, digits, dashes and dots; underscores are seen in the wild. The last label is not a number:
 * what looks like an IPv4 address, and is none, is no name either. (WHATWG URL, "ends in a number checker")
 */
const HOST_NAME = /^(?!(?:.*\.)?\d+\.?$)[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/;

/** At least a trust domain and a slash: a shorter beginning would match other domains, too. */
const SPIFFE_PREFIX = /^spiffe:\/\/[a-z0-9._-]+\/[A-Za-z0-9._/-]*$/;

/** RFC 1123 label, as Kubernetes names namespaces; service accounts may have dots. */
const KUBERNETES_NAME = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;

export const hostPort: Kind<HostPort> = {
  placeholder: 'HOST:PORT',
  expected: 'HOST:PORT with a port from 0 to 65535, an IPv6 address in brackets',
  parse: parseHostPort,
};

/** Where a peer listens. A link-local IPv6 address needs its zone: `[fe80::1%eth0]:15012`. (RFC 4007 §11) */
export const peerAddress: Kind<HostPort> = {
  placeholder: 'HOST:PORT',
  expected: 'HOST:PORT with a port from 1 to 65535, an IPv6 address in brackets',
  parse(text) {
    const [, address, zone = '', port] = /^\[([^%]+)(%[A-Za-z0-9._~-]+)\]:(\d+)$/.exec(text) ?? [];
    const parsed = parseHostPort(address === undefined ? text : `[${address}]:${port}`);
    return parsed === undefined || parsed.port === 0 ? undefined : { ...parsed, host: `${parsed.host}${zone}` };
  },
};

function parseHostPort(text: string): HostPort | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const [, ipv6, name, digits] = match;
  const host = ipv6 ?? name ?? '';
  const port = Number(digits);
  const isHost = ipv6 === undefined ? isIP(host) === 4 || HOST_NAME.test(host) : isIP(host) === 6;
  return isHost && port <= 65535 ? { host, port } : undefined;
}

export const existingFile: Kind<string> = {
  placeholder: 'FILE',
  expected: 'a readable file',
  parse: (text, files) => (text !== '' && files.whyUnreadable(text) === undefined ? text : undefined),
  whyNot: (text, files) => files.whyUnreadable(text),
};

/** The URI of a private key in a token. (RFC 7512) */
export const pkcs11Uri: Kind<Pkcs11Uri> = {
  placeholder: 'URI',
  expected: 'pkcs11:token=LABEL;object=LABEL?module-path=FILE&pin-source=FILE',
  parse(text) {
    const uri = parsePkcs11Uri(text);
    return typeof uri === 'string' ? undefined : uri;
  },
  // A PIN in it does not belong in the log.
  shown: (text) => (/pin-value/i.test(text) ? 'pkcs11:…' : text),
  whyNot(text) {
    const uri = parsePkcs11Uri(text);
    return typeof uri === 'string' ? uri : undefined;
  },
};

/** A path that need not exist yet. */
export const path: Kind<string> = {
  placeholder: 'PATH',
  expected: 'a path',
  parse: (text) => (text !== '' && !text.includes('\0') && text.isWellFormed() ? text : undefined),
};

/** A directory that need not exist yet. */
export const absolutePath: Kind<string> = {
  placeholder: 'DIRECTORY',
  expected: 'an absolute path',
  parse: (value) => (isAbsolute(value) && !value.includes('\0') ? value : undefined),
};

export const absoluteFile: Kind<string> = { ...absolutePath, placeholder: 'FILE' };

/** A hundred years: beyond any certificate, and within what `google.protobuf.Duration` holds. */
const MAX_DURATION_MS = 876_000 * 3_600_000;

export const durationMs: Kind<number> = {
  placeholder: 'DURATION',
  expected: 'a duration above zero such as 24h, 1h30m, 90s or 500ms, of at most 876000h',
  parse(text) {
    const milliseconds = parseDurationMs(text);
    return milliseconds !== undefined && milliseconds > 0 && milliseconds <= MAX_DURATION_MS ? milliseconds : undefined;
  },
};

export const durationOrOff: Kind<number | 'off'> = {
  placeholder: 'DURATION|off',
  expected: `${durationMs.expected}, or off`,
  parse: (text, files) => (text === 'off' ? 'off' : durationMs.parse(text, files)),
};

export const trustDomain: Kind<TrustDomain> = {
  placeholder: 'NAME',
  expected: 'a trust domain of a-z, 0-9, ".", "-" and "_" such as cluster.local',
  parse: (text) => orUndefined(() => TrustDomain.parse(text)),
};

/** Serials are written in many ways: with colons, in capitals, with zeros in front. */
export const serialNumber: Kind<string> = {
  placeholder: 'SERIAL',
  expected: 'a serial number in hex, with or without colons',
  parse(value) {
    const digits = value.replaceAll(':', '');
    return /^[0-9a-f]{1,40}$/i.test(digits) ? plainSerial(digits) : undefined;
  },
};

/** A certificate, as a Citadel that has not issued it can revoke it. */
interface ExpiringSerial {
  /** Hex of small letters, without zeros in front. */
  readonly serial: string;
  /** Epoch milliseconds. */
  readonly notAfterMs: number;
}

export const expiringSerial: Kind<ExpiringSerial> = {
  placeholder: 'SERIAL@NOT-AFTER',
  expected: 'a serial number in hex, an @, and when it expires: 5f3a01@2026-12-02T08:00:00Z',
  parse(value, files) {
    const [digits = '', time = ''] = value.split('@', 2);
    const [serial, notAfterMs] = [serialNumber.parse(digits, files), Date.parse(time)];
    const isGood = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(time) && notAfterMs >= 0;
    return serial !== undefined && isGood ? { serial, notAfterMs } : undefined;
  },
};

export const spiffeId: Kind<SpiffeId> = {
  placeholder: 'SPIFFE-ID',
  expected: 'a SPIFFE ID such as spiffe://cluster.local/ns/foo/sa/sleep',
  parse: (text) => orUndefined(() => SpiffeId.parse(text)),
};

export const sanMatcher: Kind<SanMatcher> = {
  placeholder: 'SPIFFE-ID|PREFIX*',
  expected: 'a SPIFFE ID, or the beginning of one, at least its trust domain and a slash, with a * at its end',
  parse(value, files) {
    if (value.endsWith('*')) {
      const prefix = value.slice(0, -1);
      return SPIFFE_PREFIX.test(prefix) ? { kind: 'prefix', value: prefix } : undefined;
    }
    return spiffeId.parse(value, files) === undefined ? undefined : { kind: 'exact', value };
  },
};

export const kubernetesName: Kind<string> = {
  placeholder: 'NAME',
  expected: 'a Kubernetes name of a-z, 0-9, "-" and "."',
  parse: (text) => (KUBERNETES_NAME.test(text) ? text : undefined),
};

/** A DNS name or an IP address, as it stands in a server's certificate. */
export const serverName: Kind<string> = {
  placeholder: 'NAME',
  expected: 'a DNS name or an IP address',
  parse: (text) => (isIP(text) !== 0 || HOST_NAME.test(text) ? text : undefined),
};

/** Labels of RFC 1123 §2.1; no wildcard: the name stands for one server. */
const DNS_NAME =
  /^(?=.{1,253}$)(?!(?:.*\.)?\d+$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/;

/** A service account: `NAMESPACE/ACCOUNT`. */
export const serviceAccountRef: Kind<string> = {
  placeholder: 'NAMESPACE/ACCOUNT',
  expected: 'NAMESPACE/ACCOUNT such as istio-system/ztunnel',
  parse(value, files) {
    const parts = value.split('/');
    return parts.length === 2 && parts.every((name) => kubernetesName.parse(name, files) !== undefined)
      ? value
      : undefined;
  },
};

export const accountName: Kind<AccountName> = {
  placeholder: 'NAMESPACE/ACCOUNT=NAME',
  expected:
    'NAMESPACE/ACCOUNT=NAME such as istio-system/sidecert-injector=sidecert-injector.istio-system.svc, NAME a DNS name in small letters',
  parse(value, files) {
    const [, namespace = '', serviceAccount = '', dnsName = ''] = /^([^/=]+)\/([^/=]+)=([^/=]+)$/.exec(value) ?? [];
    const areNames = [namespace, serviceAccount].every((name) => kubernetesName.parse(name, files) !== undefined);
    return areNames && DNS_NAME.test(dnsName) ? { namespace, serviceAccount, dnsName } : undefined;
  },
};

/** An issuer of tokens, and where its keys are; `undefined`: where those of all others are. */
export interface TokenIssuerOption {
  readonly issuer: string;
  readonly keys:
    | { readonly kind: 'discovery' }
    | { readonly kind: 'url'; readonly url: URL }
    | { readonly kind: 'file'; readonly path: string }
    | undefined;
}

/** The issuer has no `=`: it is a URL without query, or a name. (OpenID Connect Core §2) */
export const tokenIssuer: Kind<TokenIssuerOption> = {
  placeholder: 'ISSUER|ISSUER=KEYS',
  expected:
    'ISSUER, or ISSUER=KEYS with KEYS one of discovery (for an issuer that is a URL of https), a URL of https, or a readable file',
  parse(value, files) {
    const [, issuer = '', keys] = /^([^=]*)(?:=(.*))?$/s.exec(value) ?? [];
    if (text.parse(issuer, files) === undefined) return undefined;
    if (keys === undefined) return { issuer, keys };
    if (keys === 'discovery') return isHttps(issuer) ? { issuer, keys: { kind: 'discovery' } } : undefined;
    if (/^[a-z][a-z0-9+.-]*:/i.test(keys)) {
      return isHttps(keys) ? { issuer, keys: { kind: 'url', url: new URL(keys) } } : undefined;
    }
    const path = existingFile.parse(keys, files);
    return path === undefined ? undefined : { issuer, keys: { kind: 'file', path } };
  },
};

/** With nothing in it that is a secret. */
function isHttps(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, hash } = new URL(text);
  return protocol === 'https:' && username === '' && password === '' && hash === '';
}

/** Printable text without white space around it. */
export const text: Kind<string> = {
  placeholder: 'TEXT',
  expected: 'printable text',
  parse: (value) => (/^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(value) ? value : undefined),
};

/** A moment, in epoch milliseconds. (RFC 3339) */
export const isoTime: Kind<number> = {
  placeholder: 'TIME',
  expected: 'a date, or a time with its zone: 2026-12-01 or 2026-12-01T02:30:00Z',
  parse(value) {
    if (!/^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/.test(value)) return undefined;
    const ms = Date.parse(value);
    return Number.isNaN(ms) ? undefined : ms;
  },
};

export const boolean: Kind<boolean> = {
  placeholder: '',
  expected: 'true or false',
  parse: (value) => (value === 'true' ? true : value === 'false' ? false : undefined),
};

/** Within bounds, at most nine digits. */
export function wholeNumber(min: number, max: number): Kind<number> {
  return {
    placeholder: 'NUMBER',
    expected: `a whole number from ${min} to ${max}`,
    parse(value) {
      const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
      return number >= min && number <= max ? number : undefined;
    },
  };
}

/** A share of a whole, within bounds, as a decimal. */
export function fraction(min: number, max: number): Kind<number> {
  return {
    placeholder: 'FRACTION',
    expected: `a decimal fraction from ${min} to ${max} such as 0.5`,
    parse(value) {
      const number = /^0?\.\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
      return number >= min && number <= max ? number : undefined;
    },
  };
}

/** One of a closed list. */
export function oneOf<const T extends string>(values: readonly T[]): Kind<T> {
  return {
    placeholder: values.join('|'),
    expected: `one of ${values.join(', ')}`,
    parse: (value) => values.find((known) => known === value),
  };
}

function orUndefined<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch {
    return undefined;
  }
}
