import type { SpiffeId, TrustDomain } from '../../pki/spiffe/index.js';

/** The configured names; no name stands twice. */
export interface ServedNames {
  readonly certificate: readonly string[];
  readonly bundle: readonly string[];
  readonly allBundles: readonly string[];
  readonly sessionTicketKeys: string | undefined;
}

/** Which of a workload's secrets a name is. */
export type WorkloadName =
  | 'certificate'
  | 'bundle'
  | 'all-bundles'
  | 'session-ticket-keys'
  /** The trust bundle of another domain. */
  | { readonly federatedDomain: string };

/** Which files a name means. (reference: Istio A26, A27) */
export type FileName =
  | { readonly kind: 'certificate'; readonly certificate: string; readonly privateKey: string }
  | { readonly kind: 'bundle'; readonly path: string };

/** Whose names are meant. */
export interface NamedWorkload {
  /** `undefined` while it is not known, or where there is none. */
  readonly spiffeId: SpiffeId | undefined;
  readonly trustDomain: TrustDomain;
  readonly names: ServedNames;
}

const SCHEME = 'spiffe://';
const FILE_CERTIFICATE = 'file-cert:';
const FILE_BUNDLE = 'file-root:';

/**
 * What a name means to this workload; `undefined` when nothing: another workload's SPIFFE ID among them. Istio's agent
 * would answer with the workload's key. (reference: Istio A16)
 */
export function workloadNameOf(
  name: string,
  { spiffeId, trustDomain, names }: NamedWorkload,
): WorkloadName | undefined {
  if (names.certificate.includes(name)) return 'certificate';
  if (names.bundle.includes(name)) return 'bundle';
  if (names.allBundles.includes(name)) return 'all-bundles';
  if (name === names.sessionTicketKeys) return 'session-ticket-keys';
  if (!name.startsWith(SCHEME)) return undefined;
  if (name === spiffeId?.toString()) return 'certificate';
  const domain = name.slice(SCHEME.length);
  return domain === trustDomain.name ? 'bundle' : { federatedDomain: domain };
}

/** All names of the workload's certificate, or of its bundle. */
export function namesOf(
  which: 'certificate' | 'bundle',
  { spiffeId, trustDomain, names }: NamedWorkload,
): readonly string[] {
  if (which === 'bundle') return [...names.bundle, federatedName(trustDomain.name)];
  return spiffeId === undefined ? names.certificate : [...names.certificate, spiffeId.toString()];
}

/** The name of a trust domain's bundle: its SPIFFE ID. */
export function federatedName(domain: string): string {
  return SCHEME + domain;
}

/** The files that a name means; `undefined` for a name of another form: exactly one `~` parts certificate and key. */
export function fileNameOf(name: string): FileName | undefined {
  if (name.startsWith(FILE_BUNDLE)) return { kind: 'bundle', path: name.slice(FILE_BUNDLE.length) };
  if (!name.startsWith(FILE_CERTIFICATE)) return undefined;
  const [certificate = '', privateKey = '', ...more] = name.slice(FILE_CERTIFICATE.length).split('~');
  if (certificate === '' || privateKey === '' || more.length > 0) return undefined;
  return { kind: 'certificate', certificate, privateKey };
}
