import { openssl } from '../hotpath/pki.js';

/** CSRs made by the openssl command: what agents other than ours send. */
const KEYS = {
  'P-256': ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  'P-384': ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384'],
  'RSA-2048': ['-newkey', 'rsa:2048'],
  'RSA-1024': ['-newkey', 'rsa:1024'],
  Ed25519: ['-newkey', 'ed25519'],
} as const;

interface ForeignCsr {
  readonly key?: keyof typeof KEYS;
  /** As `-subj` takes it. */
  readonly subject?: string;
  /** Extensions that are asked for, as `-addext` takes them. */
  readonly extensions?: readonly string[];
}

/** The CSR in PEM. Its key is thrown away. */
export function foreignCsr({ key = 'P-256', subject = '/', extensions = [] }: ForeignCsr = {}): string {
  const asked = extensions.flatMap((extension) => ['-addext', extension]);
  return openssl(['req', '-new', '-nodes', '-keyout', '/dev/null', ...KEYS[key], '-subj', subject, ...asked]);
}
