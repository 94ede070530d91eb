import type { EnvoyObject } from '../../src/envoy-bootstrap/envoy-values.js';

/** Where Envoy itself reads its key, its certificate and its roots. */
export interface TlsFiles {
  readonly chain: string;
  readonly key: string;
  readonly roots: string;
}

/** The same part of an Envoy's configuration with its secrets in files instead of SDS, as a secret volume has them. */
export function withFiles(part: EnvoyObject, files: TlsFiles): EnvoyObject {
  return replaced(part, files) as EnvoyObject;
}

function replaced(value: unknown, files: TlsFiles): unknown {
  if (Array.isArray(value)) return value.map((one) => replaced(one, files));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]): [string, unknown] => {
    switch (key) {
      case 'tls_certificate_sds_secret_configs':
        return [
          'tls_certificates',
          [{ certificate_chain: { filename: files.chain }, private_key: { filename: files.key } }],
        ];
      case 'combined_validation_context':
        return ['validation_context', { ...inner.default_validation_context, trusted_ca: { filename: files.roots } }];
      default:
        return [key, replaced(inner, files)];
    }
  });
  return Object.fromEntries(entries);
}
