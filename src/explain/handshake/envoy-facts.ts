import { JsonSection } from '../json-section.js';
import { readMatcher, type SanMatcher } from './san-matcher.js';

/** What Envoy's configuration dump says of one TLS context. */
export interface TlsContext {
  /** Of its listener or cluster. */
  readonly name: string;
  readonly side: 'server' | 'client';
  readonly matchers: readonly SanMatcher[];
  /** What is offered or accepted of a handshake. */
  readonly params: TlsParams;
  /** What a client asks for by name: empty for none. */
  readonly sni: string;
  /** It may ask for another name in each request. */
  readonly choosesSni: boolean;
  readonly alpn: readonly string[];
  /** Of a server: which handshakes its filter chain is for; empty for all. */
  readonly chainSnis: readonly string[];
  readonly chainAlpn: readonly string[];
  /** Of a server. */
  readonly wantsClientCertificate: boolean;
  readonly certificates: readonly SecretReference[];
  /** A certificate that is not from SDS. */
  readonly hasOwnCertificate: boolean;
  readonly bundle: SecretReference | undefined;
  /** It has roots, by SDS or of its own. */
  readonly verifies: boolean;
  /** It lets in whom no root vouches for. */
  readonly acceptsUntrusted: boolean;
  readonly pins: Pins;
}

/** `tls_params`; what is not set is Envoy's default. */
export interface TlsParams {
  /** `TLSv1_2`, ... */
  readonly minVersion: string | undefined;
  readonly maxVersion: string | undefined;
  readonly ciphers: readonly string[];
  readonly curves: readonly string[];
  /** Which it verifies. */
  readonly signatures: readonly string[];
}

/** A secret by its name, from an agent or from elsewhere. */
export interface SecretReference {
  readonly name: string;
  /** A file that it is read from in place of an agent. */
  readonly file: string | undefined;
}

/** The only leaves that are let in, where some are named: SHA-256 of certificates in hex, and of keys in base64. */
export interface Pins {
  readonly hashes: readonly string[];
  readonly keys: readonly string[];
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
  /** It has listeners and clusters, and not secrets alone. */
  readonly isWhole: boolean;
  readonly contexts: readonly TlsContext[];
  readonly secrets: readonly HeldSecret[];
}

/** As deep as messages of Envoy are in one another, and more. */
const MAX_DEPTH = 48;

const MAX_PEM_CHARS = 1024 * 1024;

/** The TLS contexts and secrets of a `/config_dump`. Pure. */
export function envoyFacts(document: unknown, where: string): EnvoyFacts {
  const contexts: TlsContext[] = [];
  visit(document, OUTERMOST, (context) => contexts.push(context));
  const configs = new JsonSection(document).list('configs');
  const secrets = configs.filter((one) => one.text('@type')?.endsWith('.SecretsConfigDump'));
  return {
    where,
    contexts,
    isWhole: configs.some((one) => /\.(?:Listeners|Clusters)ConfigDump$/.test(one.text('@type') ?? '')),
    secrets: secrets.flatMap((dump) => [
      ...dump.list('dynamic_active_secrets').map((one) => heldSecret(one, false)),
      ...dump.list('dynamic_warming_secrets').map((one) => heldSecret(one, true)),
    ]),
  };
}

/** What is around a part of the dump. */
interface Place {
  readonly name: string;
  readonly chainMatch: JsonSection;
  readonly choosesSni: boolean;
  readonly depth: number;
}

const OUTERMOST: Place = { name: '', chainMatch: new JsonSection({}), choosesSni: false, depth: 0 };

/** A TLS context is found by its type, wherever it is. */
function visit(value: unknown, place: Place, tell: (context: TlsContext) => void): void {
  if (typeof value !== 'object' || value === null || place.depth > MAX_DEPTH) return;
  if (Array.isArray(value)) {
    for (const element of value) visit(element, { ...place, depth: place.depth + 1 }, tell);
    return;
  }
  const members = value as Readonly<Record<string, unknown>>;
  const section = new JsonSection(value);
  const isNamed = typeof members.name === 'string' && members.name !== '' && !members.name.startsWith('envoy.');
  const inside: Place = {
    name: isNamed ? String(members.name) : place.name,
    chainMatch: section.section('filter_chain_match') ?? place.chainMatch,
    choosesSni:
      place.choosesSni ||
      section.flag('auto_host_sni') === true ||
      section.section('upstream_http_protocol_options')?.flag('auto_sni') === true,
    depth: place.depth + 1,
  };
  const [, direction] = /\.(Down|Up)streamTlsContext$/.exec(section.text('@type') ?? '') ?? [];
  if (direction !== undefined) tell(tlsContext(section, inside, direction === 'Down' ? 'server' : 'client'));
  for (const member of Object.values(members)) visit(member, inside, tell);
}

function tlsContext(section: JsonSection, place: Place, side: TlsContext['side']): TlsContext {
  const common = section.section('common_tls_context') ?? new JsonSection({});
  const combined = common.section('combined_validation_context');
  const plain = common.section('validation_context') ?? combined?.section('default_validation_context');
  const bySds =
    combined?.section('validation_context_sds_secret_config') ?? common.section('validation_context_sds_secret_config');
  const lists = ['match_typed_subject_alt_names', 'match_subject_alt_names'];
  return {
    ...{ name: place.name, side },
    matchers: lists.flatMap((list) => plain?.list(list) ?? []).flatMap((one) => readMatcher(one) ?? []),
    params: tlsParams(common.section('tls_params') ?? new JsonSection({})),
    sni: section.text('sni') ?? '',
    choosesSni: place.choosesSni || section.flag('auto_host_sni') === true,
    alpn: common.texts('alpn_protocols'),
    chainSnis: place.chainMatch.texts('server_names'),
    chainAlpn: place.chainMatch.texts('application_protocols'),
    wantsClientCertificate: section.flag('require_client_certificate') === true,
    certificates: common.list('tls_certificate_sds_secret_configs').map(reference),
    hasOwnCertificate: common.list('tls_certificates').length > 0,
    bundle: bySds && reference(bySds),
    verifies:
      bySds !== undefined || plain?.has('trusted_ca') === true || plain?.has('custom_validator_config') === true,
    acceptsUntrusted: plain?.text('trust_chain_verification') === 'ACCEPT_UNTRUSTED',
    pins: {
      hashes: plain?.texts('verify_certificate_hash') ?? [],
      keys: plain?.texts('verify_certificate_spki') ?? [],
    },
  };
}

function tlsParams(params: JsonSection): TlsParams {
  return {
    minVersion: versionOf(params.text('tls_minimum_protocol_version')),
    maxVersion: versionOf(params.text('tls_maximum_protocol_version')),
    // `[A|B]`: of equal preference.
    ciphers: params.texts('cipher_suites').flatMap((one) => one.replace(/[[\]]/g, '').split('|')),
    curves: params.texts('ecdh_curves'),
    signatures: params.texts('signature_algorithms'),
  };
}

function versionOf(text: string | undefined): string | undefined {
  return text === 'TLS_AUTO' ? undefined : text;
}

function reference(section: JsonSection): SecretReference {
  const config = section.section('sds_config');
  const file = config?.section('path_config_source')?.text('path') ?? config?.text('path');
  return { name: section.text('name') ?? '', file };
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
