import { encodeMessage, fieldContent, findFieldContent, type WireField } from './wire-fields.js';

/**
 * Writes the kinds of `envoy.extensions.transport_sockets.tls.v3.Secret` that are not made by the hot path, and what is
 * added to those that are. All without their `name`. (envoy/extensions/transport_sockets/tls/v3/secret.proto)
 */

const SECRET = { tlsCertificate: 2, sessionTicketKeys: 3, validationContext: 4, genericSecret: 5 } as const;
const TLS_CERTIFICATE = { chain: 1, privateKey: 2, ocspStaple: 4, privateKeyProvider: 6 } as const;
const PROVIDER = { name: 1, typedConfig: 3, fallback: 4 } as const;
/** `CryptoMbPrivateKeyMethodConfig` and `QatPrivateKeyMethodConfig` have the same fields. */
const PROVIDER_CONFIG = { privateKey: 1, pollDelay: 2 } as const;
const DURATION = { seconds: 1, nanos: 2 } as const;
const VALIDATION_CONTEXT = { trustedCa: 1, crl: 7, customValidator: 12, checksLeafAlone: 14, typedSans: 15 } as const;
const SAN_MATCHER = { sanType: 1, matcher: 2 } as const;
const SAN_TYPE_URI = 3;
/** `type.matcher.v3.StringMatcher`. */
const STRING_MATCHER = { exact: 1, prefix: 2 } as const;
const TYPED_EXTENSION = { name: 1, typedConfig: 2 } as const;
const SPIFFE_CONFIG = { trustDomains: 1 } as const;
const SPIFFE_TRUST_DOMAIN = { name: 1, trustBundle: 2 } as const;
const TICKET_KEYS = { keys: 1 } as const;
const GENERIC_SECRET = { secret: 1 } as const;
const DATA_SOURCE = { inlineBytes: 2 } as const;
const ANY = { typeUrl: 1, value: 2 } as const;

const TYPE_PREFIX = 'type.googleapis.com/';
const SPIFFE_VALIDATOR = 'envoy.tls.cert_validator.spiffe';
const SPIFFE_CONFIG_TYPE = 'envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig';

/** Who does the private key's operations in Envoy. (Envoy, "CryptoMb" and "QAT" private key providers) */
export interface PrivateKeyProvider {
  readonly name: 'cryptomb' | 'qat';
  /** Whole: seconds and nanoseconds. Istio's agent sends the nanoseconds alone. (reference: Istio A22) */
  readonly pollDelayNs: number;
  /** Envoy takes its own implementation where the hardware is missing, instead of refusing the secret. */
  readonly fallback: boolean;
}

/** A subject alternative name of kind URI that peers must have. */
export interface UriMatcher {
  readonly kind: 'exact' | 'prefix';
  readonly value: string;
}

export interface CertificateFiles {
  readonly chainPem: Uint8Array;
  readonly privateKeyPem: Uint8Array;
  /** DER. */
  readonly ocspStaple?: Uint8Array | undefined;
}

const PROVIDER_TYPES: Readonly<Record<PrivateKeyProvider['name'], string>> = {
  cryptomb: 'envoy.extensions.private_key_providers.cryptomb.v3alpha.CryptoMbPrivateKeyMethodConfig',
  qat: 'envoy.extensions.private_key_providers.qat.v3alpha.QatPrivateKeyMethodConfig',
};

const NANOS_PER_SECOND = 1e9;

/** `Secret{tls_certificate}`. Holds the key: wipe it. */
export function encodeCertificate({ chainPem, privateKeyPem, ocspStaple }: CertificateFiles): Buffer {
  const staple = ocspStaple === undefined ? [] : [dataSource(TLS_CERTIFICATE.ocspStaple, ocspStaple)];
  const certificate = [
    dataSource(TLS_CERTIFICATE.chain, chainPem),
    dataSource(TLS_CERTIFICATE.privateKey, privateKeyPem),
    ...staple,
  ];
  return encodeMessage([{ number: SECRET.tlsCertificate, value: certificate }]);
}

/**
 * The same certificate with its key in the hands of a provider; `private_key` is then left out, as the two exclude one
 * another. In memory of its own: wipe both.
 */
export function withPrivateKeyProvider(body: Buffer, { name, pollDelayNs, fallback }: PrivateKeyProvider): Buffer {
  const certificate = fieldContent(body, SECRET.tlsCertificate);
  const pollDelay = [
    ...nonZero(DURATION.seconds, Math.floor(pollDelayNs / NANOS_PER_SECOND)),
    ...nonZero(DURATION.nanos, pollDelayNs % NANOS_PER_SECOND),
  ];
  const config = [
    { number: PROVIDER_CONFIG.privateKey, value: fieldContent(certificate, TLS_CERTIFICATE.privateKey) },
    { number: PROVIDER_CONFIG.pollDelay, value: pollDelay },
  ];
  const provider = [
    { number: PROVIDER.name, value: name },
    { number: PROVIDER.typedConfig, value: any(PROVIDER_TYPES[name], config) },
    ...nonZero(PROVIDER.fallback, Number(fallback)),
  ];
  const replaced = [
    { number: TLS_CERTIFICATE.chain, value: fieldContent(certificate, TLS_CERTIFICATE.chain) },
    { number: TLS_CERTIFICATE.privateKeyProvider, value: provider },
  ];
  return encodeMessage([{ number: SECRET.tlsCertificate, value: replaced }]);
}

/**
 * Chain and key, in PEM, of a certificate that the hot path, {@link encodeCertificate} or
 * {@link withPrivateKeyProvider} has written. Views: copy them at once.
 */
export function certificatePemsOf(body: Buffer): Pick<CertificateFiles, 'chainPem' | 'privateKeyPem'> {
  const certificate = fieldContent(body, SECRET.tlsCertificate);
  const privateKey = findFieldContent(certificate, TLS_CERTIFICATE.privateKey) ?? keyOfProvider(certificate);
  return {
    chainPem: chainPemOf(body),
    privateKeyPem: fieldContent(privateKey, DATA_SOURCE.inlineBytes),
  };
}

/** The chain alone, as a view: of such a certificate, what is public. */
export function chainPemOf(body: Buffer): Buffer {
  const certificate = fieldContent(body, SECRET.tlsCertificate);
  return fieldContent(fieldContent(certificate, TLS_CERTIFICATE.chain), DATA_SOURCE.inlineBytes);
}

function keyOfProvider(certificate: Buffer): Buffer {
  const provider = fieldContent(certificate, TLS_CERTIFICATE.privateKeyProvider);
  const config = fieldContent(fieldContent(provider, PROVIDER.typedConfig), ANY.value);
  return fieldContent(config, PROVIDER_CONFIG.privateKey);
}

/** What a validation context has beside its roots. */
interface ContextSettings {
  /** Revocation lists. */
  readonly crlPem?: Uint8Array | undefined;
  /** `only_verify_leaf_cert_crl`: without it Envoy wants a list of each CA of a chain. */
  readonly checksLeafAlone?: boolean;
  readonly peerUris?: readonly UriMatcher[];
}

/**
 * `Secret{validation_context}` with roots that are not empty: an empty context makes Envoy stop verifying its peers.
 */
export function encodeValidationContext(
  trustedCaPem: Uint8Array,
  { crlPem, checksLeafAlone = false, peerUris = [] }: ContextSettings = {},
): Buffer {
  const context = [
    dataSource(VALIDATION_CONTEXT.trustedCa, trustedCaPem),
    ...(crlPem === undefined ? [] : [dataSource(VALIDATION_CONTEXT.crl, crlPem)]),
    ...(crlPem === undefined ? [] : nonZero(VALIDATION_CONTEXT.checksLeafAlone, Number(checksLeafAlone))),
    ...sanMatchers(peerUris),
  ];
  return encodeMessage([{ number: SECRET.validationContext, value: context }]);
}

/** The roots, in PEM, of a validation context that the hot path or {@link encodeValidationContext} has written. */
export function trustedCaOf(body: Buffer): Buffer {
  const context = fieldContent(body, SECRET.validationContext);
  return fieldContent(fieldContent(context, VALIDATION_CONTEXT.trustedCa), DATA_SOURCE.inlineBytes);
}

/**
 * `Secret{validation_context}` for Envoy's SPIFFE validator, which chooses the roots by the peer's trust domain: no
 * root vouches for another domain. Names without `spiffe://`, each once, in their order, with roots that are not empty.
 */
export function encodeSpiffeValidator(
  bundles: ReadonlyMap<string, Uint8Array>,
  peerUris: readonly UriMatcher[] = [],
): Buffer {
  const trustDomains = [...bundles].map(([name, pem]) => ({
    number: SPIFFE_CONFIG.trustDomains,
    value: [{ number: SPIFFE_TRUST_DOMAIN.name, value: name }, dataSource(SPIFFE_TRUST_DOMAIN.trustBundle, pem)],
  }));
  const validator = [
    { number: TYPED_EXTENSION.name, value: SPIFFE_VALIDATOR },
    { number: TYPED_EXTENSION.typedConfig, value: any(SPIFFE_CONFIG_TYPE, trustDomains) },
  ];
  const context = [{ number: VALIDATION_CONTEXT.customValidator, value: validator }, ...sanMatchers(peerUris)];
  return encodeMessage([{ number: SECRET.validationContext, value: context }]);
}

/** `Secret{session_ticket_keys}`: the first encrypts, all decrypt. Wipe it. */
export function encodeSessionTicketKeys(keys: readonly Uint8Array[]): Buffer {
  const value = keys.map((key) => dataSource(TICKET_KEYS.keys, key));
  return encodeMessage([{ number: SECRET.sessionTicketKeys, value }]);
}

/** `Secret{generic_secret}`. Wipe it. */
export function encodeGenericSecret(content: Uint8Array): Buffer {
  return encodeMessage([{ number: SECRET.genericSecret, value: [dataSource(GENERIC_SECRET.secret, content)] }]);
}

function sanMatchers(matchers: readonly UriMatcher[]): WireField[] {
  return matchers.map(({ kind, value }) => ({
    number: VALIDATION_CONTEXT.typedSans,
    value: [
      { number: SAN_MATCHER.sanType, value: SAN_TYPE_URI },
      { number: SAN_MATCHER.matcher, value: [{ number: STRING_MATCHER[kind], value }] },
    ],
  }));
}

function dataSource(number: number, bytes: Uint8Array): WireField {
  return { number, value: [{ number: DATA_SOURCE.inlineBytes, value: bytes }] };
}

function any(type: string, message: readonly WireField[]): WireField[] {
  return [
    { number: ANY.typeUrl, value: TYPE_PREFIX + type },
    { number: ANY.value, value: message },
  ];
}

/** A number that is 0 is left out, as proto3 has it. */
function nonZero(number: number, value: number): WireField[] {
  return value === 0 ? [] : [{ number, value }];
}
