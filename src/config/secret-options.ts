import { parseDurationNs } from '../text/index.js';
import {
  absolutePath,
  boolean,
  type Kind,
  type NamedFile,
  oneOf,
  path,
  sanMatcher,
  text,
  trustDomain,
} from './kinds.js';
import { type ConfigOf, listOf, onlyWith, optional, switchOf, withDefault } from './option.js';

export const SIDECAR = { flag: 'mode', value: 'sidecar' };
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
      'PEM roots of another trust domain, served as spiffe://TRUST-DOMAIN and in ALL; read again when they change',
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
