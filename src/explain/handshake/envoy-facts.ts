import { JsonSection } from '../json-section.js';
import { readMatcher, type SanMatcher } from './san-matcher.js';

/** What Envoy's configuration dump says of one TLS context. */
export interface TlsContext {
  /** Of its listener or cluster. */
  readonly name: string;
  readonly side: 'server' | 'client';
  readonly matchers: readonly SanMatcher[];
  /** `TLSv1_2`, ...; `undefined`: Envoy's default. */
  readonly minVersion: string | undefined;
  readonly maxVersion: string | undefined;
  /** Of a server. */
  readonly wantsClientCertificate: boolean;
  /** The names of its secrets. */
  readonly certificateNames: readonly string[];
  /** A certificate that is not from SDS. */
  readonly hasOwnCertificate: boolean;
  /** Which signatures it verifies: of its own choice. */
  readonly choosesSignatures: boolean;
  readonly bundleName: string | undefined;
  /** It has roots, by SDS or of its own. */
  readonly verifies: boolean;
}

/** A secret that Envoy has from SDS. */
export interface HeldSecret {
  readonly name: string;
  readonly version: string | undefined;
  readonly updatedAtMs: number | undefined;
  /** It waits for it. */
  readonly isWarming: boolean;
  /** PEM of the chain or of the roots. */
  readonly pem: string | undefined;
  readonly kind: 'certificate' | 'validation-context' | undefined;
}

export interface EnvoyFacts {
  /** Where it was read from. */
  readonly where: string;
  readonly contexts: readonly TlsContext[];
  readonly secrets: readonly HeldSecret[];
}

/** As deep as messages of Envoy are in one another, and more. */
const MAX_DEPTH = 48;

const MAX_PEM_CHARS = 1024 * 1024;

/** The TLS contexts and secrets of a `/config_dump`. Pure. */
export function envoyFacts(document: unknown, where: string): EnvoyFacts {
  const contexts: TlsContext[] = [];
  visit(document, '', 0, (context) => contexts.push(context));
  const configs = new JsonSection(document).list('configs');
  const secrets = configs.filter((one) => one.text('@type')?.endsWith('.SecretsConfigDump'));
  return {
    where,
    contexts,
    secrets: secrets.flatMap((dump) => [
      ...dump.list('dynamic_active_secrets').map((one) => heldSecret(one, false)),
      ...dump.list('dynamic_warming_secrets').map((one) => heldSecret(one, true)),
    ]),
  };
}

/** A TLS context is found by its one field that no other message has. */
function visit(value: unknown, name: string, depth: number, tell: (context: TlsContext) => void): void {
  if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) return;
  if (Array.isArray(value)) {
    for (const element of value) visit(element, name, depth + 1, tell);
    return;
  }
  const members = value as Readonly<Record<string, unknown>>;
  const ownName = typeof members.name === 'string' && !members.name.startsWith('envoy.') ? members.name : name;
  const section = new JsonSection(value);
  const type = section.text('@type') ?? '';
  const isTls = section.has('common_tls_context') && /\.(?:Down|Up)streamTlsContext$/.test(type);
  if (isTls) tell(tlsContext(section, ownName, type.includes('Downstream') ? 'server' : 'client'));
  for (const member of Object.values(members)) visit(member, ownName, depth + 1, tell);
}

function tlsContext(section: JsonSection, name: string, side: TlsContext['side']): TlsContext {
  const common = section.section('common_tls_context') ?? new JsonSection({});
  const combined = common.section('combined_validation_context');
  const plain = common.section('validation_context') ?? combined?.section('default_validation_context');
  const bySds =
    combined?.section('validation_context_sds_secret_config') ?? common.section('validation_context_sds_secret_config');
  const params = common.section('tls_params');
  const lists = ['match_typed_subject_alt_names', 'match_subject_alt_names'];
  return {
    ...{ name, side },
    matchers: lists.flatMap((list) => plain?.list(list) ?? []).flatMap((one) => readMatcher(one) ?? []),
    minVersion: versionOf(params?.text('tls_minimum_protocol_version')),
    maxVersion: versionOf(params?.text('tls_maximum_protocol_version')),
    wantsClientCertificate: section.flag('require_client_certificate') === true,
    certificateNames: common.list('tls_certificate_sds_secret_configs').flatMap((one) => one.text('name') ?? []),
    choosesSignatures: (params?.texts('signature_algorithms') ?? []).length > 0,
    hasOwnCertificate: common.list('tls_certificates').length > 0,
    bundleName: bySds?.text('name'),
    verifies:
      bySds !== undefined || plain?.has('trusted_ca') === true || plain?.has('custom_validator_config') === true,
  };
}

function versionOf(text: string | undefined): string | undefined {
  return text === 'TLS_AUTO' ? undefined : text;
}

function heldSecret(one: JsonSection, isWarming: boolean): HeldSecret {
  const secret = one.section('secret');
  const chain = secret?.section('tls_certificate')?.section('certificate_chain');
  const roots = secret?.section('validation_context')?.section('trusted_ca');
  const base64 = (chain ?? roots)?.longText('inline_bytes', MAX_PEM_CHARS);
  return {
    name: one.text('name') ?? '',
    version: one.text('version_info'),
    updatedAtMs: one.timeMs('last_updated'),
    isWarming,
    pem: base64 && Buffer.from(base64, 'base64').toString('latin1'),
    kind: chain !== undefined ? 'certificate' : roots !== undefined ? 'validation-context' : undefined,
  };
}
