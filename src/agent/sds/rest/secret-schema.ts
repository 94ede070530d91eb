/** A message as its JSON has it: field by number. What is not here makes no JSON, rather than JSON that lacks it. */
export interface MessageSchema {
  readonly name: string;
  readonly fields: Readonly<Record<number, FieldSchema>>;
}

export interface FieldSchema {
  /** In lower camel case, as ProtoJSON has it. */
  readonly json: string;
  readonly shape: 'one' | 'list' | 'map';
  readonly type:
    | 'text'
    | 'bytes'
    | 'bool'
    | 'number'
    | 'duration'
    | 'wrapped-bool'
    | 'wrapped-number'
    | Enum
    | Any
    | MessageSchema;
}

/** A value by number, as its JSON names it. */
export interface Enum {
  readonly values: readonly string[];
}

/** A message of another type, by its type URL. */
export interface Any {
  readonly types: Readonly<Record<string, MessageSchema>>;
}

function one(json: string, type: FieldSchema['type']): FieldSchema {
  return { json, type, shape: 'one' };
}

function list(json: string, type: FieldSchema['type']): FieldSchema {
  return { json, type, shape: 'list' };
}

const DATA_SOURCE: MessageSchema = {
  name: 'DataSource',
  fields: {
    1: one('filename', 'text'),
    2: one('inlineBytes', 'bytes'),
    3: one('inlineString', 'text'),
    4: one('environmentVariable', 'text'),
  },
};

const KEY_METHOD: MessageSchema = {
  name: 'PrivateKeyMethodConfig',
  fields: { 1: one('privateKey', DATA_SOURCE), 2: one('pollDelay', 'duration') },
};

const SPIFFE_VALIDATOR: MessageSchema = {
  name: 'SPIFFECertValidatorConfig',
  fields: {
    1: list('trustDomains', {
      name: 'TrustDomain',
      fields: { 1: one('name', 'text'), 2: one('trustBundle', DATA_SOURCE) },
    }),
    2: one('trustBundles', DATA_SOURCE),
  },
};

const STRING_MATCHER: MessageSchema = {
  name: 'StringMatcher',
  fields: {
    1: one('exact', 'text'),
    2: one('prefix', 'text'),
    3: one('suffix', 'text'),
    5: one('safeRegex', {
      name: 'RegexMatcher',
      fields: { 1: one('googleRe2', { name: 'GoogleRE2', fields: {} }), 2: one('regex', 'text') },
    }),
    6: one('ignoreCase', 'bool'),
    7: one('contains', 'text'),
  },
};

const SAN_MATCHER: MessageSchema = {
  name: 'SubjectAltNameMatcher',
  fields: {
    1: one('sanType', { values: ['SAN_TYPE_UNSPECIFIED', 'EMAIL', 'DNS', 'URI', 'IP_ADDRESS', 'OTHER_NAME'] }),
    2: one('matcher', STRING_MATCHER),
    3: one('oid', 'text'),
  },
};

const TLS_CERTIFICATE: MessageSchema = {
  name: 'TlsCertificate',
  fields: {
    1: one('certificateChain', DATA_SOURCE),
    2: one('privateKey', DATA_SOURCE),
    3: one('password', DATA_SOURCE),
    4: one('ocspStaple', DATA_SOURCE),
    6: one('privateKeyProvider', {
      name: 'PrivateKeyProvider',
      fields: {
        1: one('providerName', 'text'),
        3: one('typedConfig', {
          types: {
            'type.googleapis.com/envoy.extensions.private_key_providers.cryptomb.v3alpha.CryptoMbPrivateKeyMethodConfig':
              KEY_METHOD,
            'type.googleapis.com/envoy.extensions.private_key_providers.qat.v3alpha.QatPrivateKeyMethodConfig':
              KEY_METHOD,
          },
        }),
        4: one('fallback', 'bool'),
      },
    }),
  },
};

const VALIDATION_CONTEXT: MessageSchema = {
  name: 'CertificateValidationContext',
  fields: {
    1: one('trustedCa', DATA_SOURCE),
    2: list('verifyCertificateHash', 'text'),
    3: list('verifyCertificateSpki', 'text'),
    6: one('requireSignedCertificateTimestamp', 'wrapped-bool'),
    7: one('crl', DATA_SOURCE),
    8: one('allowExpiredCertificate', 'bool'),
    12: one('customValidatorConfig', {
      name: 'TypedExtensionConfig',
      fields: {
        1: one('name', 'text'),
        2: one('typedConfig', {
          types: {
            'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig': SPIFFE_VALIDATOR,
          },
        }),
      },
    }),
    14: one('onlyVerifyLeafCertCrl', 'bool'),
    15: list('matchTypedSubjectAltNames', SAN_MATCHER),
    16: one('maxVerifyDepth', 'wrapped-number'),
  },
};

/** `tls.v3.Secret` with all of it that is ever served; its name is written by the caller, who knows it. */
export const SECRET: MessageSchema = {
  name: 'Secret',
  fields: {
    2: one('tlsCertificate', TLS_CERTIFICATE),
    3: one('sessionTicketKeys', { name: 'TlsSessionTicketKeys', fields: { 1: list('keys', DATA_SOURCE) } }),
    4: one('validationContext', VALIDATION_CONTEXT),
    5: one('genericSecret', {
      name: 'GenericSecret',
      fields: { 1: one('secret', DATA_SOURCE), 2: { json: 'secrets', type: DATA_SOURCE, shape: 'map' } },
    }),
  },
};
