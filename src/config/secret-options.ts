import type { SpiffeId } from '../pki/spiffe/index.js';
import { parseDurationNs } from '../text/index.js';
import {
  absolutePath,
  boolean,
  type FileFacts,
  type Kind,
  type NamedFile,
  oneOf,
  path,
  sanMatcher,
  spiffeId,
  text,
  trustDomain,
} from './kinds.js';
import { type ConfigOf, listOf, onlyWith, optional, switchOf, withDefault } from './option.js';

export const SIDECAR = { flag: 'mode', value: 'sidecar' };
export const NODE = { flag: 'mode', value: 'node' };
/** There is a CA. */
export const FROM_CA = { flag: 'identity-source', value: ['ca', 'file,ca'] };
/** There are mounted files. */
export const FROM_FILES = { flag: 'identity-source', value: ['file', 'file,ca'] };
export const FROM_CA_ALONE = { flag: 'identity-source', value: 'ca' };
export const FROM_FILES_ALONE = { flag: 'identity-source', value: 'file' };
export const FROM_BOTH = { flag: 'identity-source', value: 'file,ca' };

/** What these begin with has a meaning of its own: no configured name may take it. */
const RESERVED = /^(spiffe:\/\/|file-cert:|file-root:)/;

const secretName: Kind<string> = {
  placeholder: 'NAME',
  expected: 'printable text that begins with none of spiffe://, file-cert: and file-root:',
  parse: (value, files) => (RESERVED.test(value) ? undefined : text.parse(value, files)),
};

const federatedBundle: Kind<NamedFile> = {
  placeholder: 'TRUST-DOMAIN=FILE',
  expected: 'TRUST-DOMAIN=FILE such as other.example=/etc/bundles/other.pem',
  parse: (value, files) => namedFile(value, (name) => trustDomain.parse(name, files) !== undefined),
};

/** Where a trust domain publishes its bundle. */
export interface EndpointUrl {
  readonly trustDomain: string;
  readonly url: string;
}

/** The SPIFFE ID of the server of that. */
export interface EndpointId {
  readonly trustDomain: string;
  readonly spiffeId: SpiffeId;
}

const endpointUrl: Kind<EndpointUrl> = {
  placeholder: 'TRUST-DOMAIN=URL',
  expected: 'TRUST-DOMAIN=URL such as other.example=https://bundles.other.example/bundle.json',
  parse: (value, files) => ofTrustDomain(value, files, (trustDomain, url) => isHttpsUrl(url) && { trustDomain, url }),
};

const endpointId: Kind<EndpointId> = {
  placeholder: 'TRUST-DOMAIN=SPIFFE-ID',
  expected: 'TRUST-DOMAIN=SPIFFE-ID such as other.example=spiffe://other.example/bundles',
  parse: (value, files) =>
    ofTrustDomain(value, files, (trustDomain, text) => {
      const id = spiffeId.parse(text, files);
      return id !== undefined && id.path !== '' && { trustDomain, spiffeId: id };
    }),
};

function ofTrustDomain<T>(
  value: string,
  files: FileFacts,
  make: (trustDomain: string, rest: string) => T | false,
): T | undefined {
  const at = value.indexOf('=');
  const name = value.slice(0, at);
  if (at <= 0 || trustDomain.parse(name, files) === undefined) return undefined;
  return make(name, value.slice(at + 1)) || undefined;
}

/** What stands in it besides would be sent, or logged, by mistake. (SPIFFE Federation §5.2) */
function isHttpsUrl(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url?.protocol === 'https:' && url.username === '' && url.password === '' && url.hash === '';
}

const genericSecret: Kind<NamedFile> = {
  placeholder: 'NAME=FILE',
  expected: 'NAME=FILE such as oauth-token=/etc/generic/token',
  parse: (value, files) => namedFile(value, (name) => secretName.parse(name, files) !== undefined),
};

const pollDelayNs: Kind<number> = {
  placeholder: 'DURATION',
  expected: 'a duration above zero such as 20ms, 1.5s or 200us',
  parse: (value) => parseDurationNs(value) || undefined,
};

function namedFile(value: string, isName: (name: string) => boolean): NamedFile | undefined {
  const at = value.indexOf('=');
  const [name, file] = [value.slice(0, at), value.slice(at + 1)];
  return at > 0 && isName(name) && file !== '' && !file.includes('\0') ? { name, file } : undefined;
}

/** Which secrets an agent serves under which names. */
export const SECRET_OPTIONS = {
  certificateNames: listOf(secretName, ['default'], {
    flag: 'certificate-name',
    description: 'resource name of the workload certificate, besides its SPIFFE ID',
  }),
  bundleNames: listOf(secretName, ['ROOTCA'], {
    flag: 'bundle-name',
    description: 'resource name of the trust bundle, besides the SPIFFE ID of the trust domain',
  }),
  allBundlesNames: listOf(secretName, ['ALL'], {
    flag: 'all-bundles-name',
    description:
      'resource name of all trust bundles together, each for its own domain, for the SPIFFE validator of Envoy',
  }),
  federatedBundles: listOf(federatedBundle, [], {
    flag: 'federated-bundle',
    description:
      'roots of another trust domain, in PEM or as a SPIFFE bundle in JSON, served as spiffe://TRUST-DOMAIN and in ALL; read again when they change',
  }),
  endpointUrls: listOf(endpointUrl, [], {
    flag: 'federated-endpoint',
    description:
      'SPIFFE bundle endpoint of another trust domain, whose roots are served as those of --federated-bundle are; verified as a server of the web unless it has --federated-endpoint-id',
  }),
  endpointIds: listOf(endpointId, [], {
    flag: 'federated-endpoint-id',
    description:
      'SPIFFE ID that the server of --federated-endpoint has to show, verified by the roots that are known of its trust domain, those of --federated-bundle at first',
  }),
  extraRootFiles: onlyWith(
    FROM_CA,
    listOf(path, [], {
      flag: 'extra-roots',
      description: 'PEM roots that go into the trust bundle beside those of the CA; read again when they change',
    }),
  ),
  crlFile: optional(path, {
    flag: 'crl',
    description:
      'certificate revocation lists, in PEM or one in DER, that go into the trust bundle; read again when they change',
  }),
  peerSans: listOf(sanMatcher, [], {
    flag: 'peer-san',
    description: 'who is let in, by the URI of the peer, as part of every trust bundle of the workload',
  }),
  privateKeyProvider: optional(oneOf(['cryptomb', 'qat']), {
    flag: 'private-key-provider',
    description: 'who does the RSA operations of private keys inside Envoy',
  }),
  privateKeyPollDelayNs: withDefault(pollDelayNs, '20ms', {
    flag: 'private-key-poll-delay',
    description: 'how long the private key provider gathers operations; qat takes no less than 1ms',
  }),
  privateKeyFallback: switchOf(boolean, {
    flag: 'private-key-fallback',
    description: 'where the hardware of the private key provider is missing, Envoy does without it',
  }),
  sessionTicketKeysName: optional(secretName, {
    flag: 'session-ticket-keys-name',
    description:
      'resource name of TLS session ticket keys, new each day; without it there are none, as they weaken forward secrecy and let expired clients resume',
  }),
  secretDirectories: onlyWith(
    SIDECAR,
    listOf(absolutePath, [], {
      flag: 'secret-dir',
      description:
        'directory below which the files of file-cert:CERT~KEY, file-root:PATH and --generic-secret may lie, links resolved; without one, no such name is served',
    }),
  ),
  genericSecrets: onlyWith(
    SIDECAR,
    listOf(genericSecret, [], {
      flag: 'generic-secret',
      description: 'a file below --secret-dir that is served as a generic secret; read again when it changes',
    }),
  ),
};

export type SecretConfig = ConfigOf<typeof SECRET_OPTIONS>;

/** An endpoint with the profile of its server. */
export interface FederatedEndpoint extends EndpointUrl {
  readonly spiffeId: SpiffeId | undefined;
}

/** The bundle endpoints, each with the SPIFFE ID that its server shows, if it does. */
export function federatedEndpoints({ endpointUrls, endpointIds }: SecretConfig): FederatedEndpoint[] {
  return endpointUrls.map(({ trustDomain, url }) => {
    const id = endpointIds.find((one) => one.trustDomain === trustDomain);
    return { trustDomain, url, spiffeId: id?.spiffeId };
  });
}
