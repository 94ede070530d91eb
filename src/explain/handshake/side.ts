import { X509Certificate } from 'node:crypto';
import { type RevocationList, readRevocationList } from '../../agent/files/index.js';
import { ChainLink, certificateFingerprint, distinguishedNameText } from '../../pki/x509/index.js';
import { JsonSection } from '../json-section.js';
import type { EnvoyFacts } from './envoy-facts.js';
import type { SanMatcher } from './san-matcher.js';

/** One end of a handshake: what its agent tells, and what of its Envoy is known. */
export interface Side {
  /** `A` or `B`. */
  readonly label: string;
  /** Where it was read from. */
  readonly where: string;
  /** Its agent's clock, epoch milliseconds. */
  readonly nowMs: number;
  /** How far that is ahead of ours, in milliseconds; `undefined` of a file. */
  readonly aheadMs: number | undefined;
  /** How long ago its page was written, by our clock, in milliseconds; `undefined` of a live one. */
  readonly ageMs?: number | undefined;
  readonly trustDomain: string | undefined;
  readonly spiffeId: string | undefined;
  /** Of the identity, as the status page has it. */
  readonly identity: JsonSection;
  /** Leaf first. */
  readonly chain: readonly ChainLink[];
  readonly anchors: readonly ChainLink[];
  /** The roots of other trust domains, by their names. */
  readonly federated: ReadonlyMap<string, readonly ChainLink[]>;
  readonly crls: readonly RevocationList[];
  /** What its agent lets Envoy check. */
  readonly servedSans: readonly SanMatcher[];
  readonly page: JsonSection;
  /** What of Envoy's own configuration is known. */
  readonly envoy: EnvoyFacts | undefined;
  /** What the user says that it accepts, in place of what is found. */
  readonly expectedSans: readonly SanMatcher[];
}

/** What is known of a side besides its status page. */
export interface SideSettings extends Pick<Side, 'label' | 'where' | 'aheadMs' | 'ageMs' | 'envoy' | 'expectedSans'> {
  /** Which of several identities: its SPIFFE ID, or its pod's uid. */
  readonly identity: string | undefined;
}

/** Texts of a status page are far shorter; a revocation list is half a megabyte. */
const MAX_BLOB_CHARS = 1024 * 1024;

/** A side from its status page; a `string` says why that is none. Pure. */
export function sideOf(document: unknown, settings: SideSettings): Side | string {
  const page = new JsonSection(document);
  if (!page.has('identities')) return `got ${whatElse(page)}, expected that of an agent`;
  const identity = chosen(page.list('identities'), settings.identity);
  if (typeof identity === 'string') return identity;
  if (page.timeMs('now') === undefined) return 'got a page of an older sidecert, expected one with the field now';
  const version = identity.text('bundle_version');
  const bundle = page.list('bundles').find((one) => one.text('version') === version);
  return {
    ...settings,
    nowMs: page.timeMs('now') ?? 0,
    trustDomain: trustDomainOf(identity.text('spiffe_id')) ?? page.text('trust_domain'),
    spiffeId: identity.text('spiffe_id'),
    identity,
    chain: linksOf(identity.longTexts('chain', MAX_BLOB_CHARS)),
    anchors: linksOf((bundle?.list('roots') ?? []).flatMap((root) => root.longText('der', MAX_BLOB_CHARS) ?? [])),
    federated: new Map(
      page
        .list('federation')
        .map((one) => [one.text('trust_domain') ?? '', linksOf(one.longTexts('certificates', MAX_BLOB_CHARS))]),
    ),
    crls: (page.section('peers')?.longTexts('crls', MAX_BLOB_CHARS) ?? []).flatMap(
      (text) => readRevocationList(Buffer.from(text, 'base64')) ?? [],
    ),
    servedSans: (page.section('peers')?.list('sans') ?? []).map((one) => ({
      type: 'URI',
      kind: one.text('kind') === 'prefix' ? 'prefix' : 'exact',
      value: one.text('value') ?? '',
      ignoresCase: false,
    })),
    page,
  };
}

/** What is given in place of the page of an agent. */
function whatElse(page: JsonSection): string {
  if (page.has('authority')) return 'the page of a Citadel';
  if (page.has('webhook') || page.text('mode') === 'injector') return 'the page of an injector';
  if (page.has('verdict') && page.has('first_failure')) return 'what sidecert explain has written';
  return 'a page without identities';
}

/**
 * A side of which nothing is known but its Envoy: its agent is another program, or has no page. Its certificate and its
 * roots are those that the configuration dump shows; a `string` says why there are none. Pure.
 */
export function sideOfEnvoy(facts: EnvoyFacts, nowMs: number, settings: SideSettings): Side | string {
  const named = (kind: 'certificate' | 'validation-context'): string | undefined => {
    const names = facts.contexts.flatMap((one) => (kind === 'certificate' ? one.certificates : (one.bundle ?? [])));
    const held = facts.secrets.filter((one) => one.kind === kind && !one.isWarming && one.pem !== undefined);
    return (held.find(({ name }) => names.some((one) => one.name === name)) ?? held[0])?.pem;
  };
  const chain = certificatesIn(named('certificate')).map((one) => new ChainLink(one));
  const [leaf] = chain;
  if (leaf === undefined) {
    const waits = facts.secrets.filter(({ isWarming }) => isWarming).map(({ name }) => name);
    const why = waits.length > 0 ? `: it waits for ${waits.join(', ')}` : '';
    return `got the configuration dump of an Envoy that has no certificate by SDS${why}, expected one, or the page of its agent`;
  }
  const { certificate } = leaf;
  const spiffeId = spiffeIdOf(certificate);
  return {
    ...settings,
    nowMs,
    envoy: facts,
    trustDomain: trustDomainOf(spiffeId),
    spiffeId,
    identity: new JsonSection({
      ...{ spiffe_id: spiffeId, svid: 'valid', serial: certificate.serialNumber.toLowerCase() },
      sans: certificate.subjectAltName?.split(', ') ?? [],
      issuer: typeof leaf.facts === 'string' ? undefined : distinguishedNameText(leaf.facts.issuer),
    }),
    chain,
    anchors: certificatesIn(named('validation-context')).map((one) => new ChainLink(one)),
    ...{ federated: new Map(), crls: [], servedSans: [], page: new JsonSection({}) },
  };
}

function chosen(identities: readonly JsonSection[], wanted: string | undefined): JsonSection | string {
  if (wanted !== undefined) {
    const found = identities.find((one) => one.text('spiffe_id') === wanted || one.text('pod_uid') === wanted);
    return found ?? `got no identity ${wanted}, expected one of ${namesOf(identities)}`;
  }
  const [only, ...others] = identities;
  if (only === undefined) return 'got no identity: no pod has asked for one yet, expected one at least';
  if (others.length === 0) return only;
  return `got ${identities.length} identities, expected which one is meant: one of ${namesOf(identities)}`;
}

const MAX_NAMED = 5;

function namesOf(identities: readonly JsonSection[]): string {
  const named = identities.slice(0, MAX_NAMED).map((one) => one.text('spiffe_id') ?? one.text('pod_uid') ?? 'one');
  return [...named, ...(identities.length > MAX_NAMED ? ['...'] : [])].join(', ');
}

/** What is no certificate is left out: the rules then miss it. */
function linksOf(texts: readonly string[]): ChainLink[] {
  return texts.flatMap((text) => {
    try {
      return [new ChainLink(new X509Certificate(Buffer.from(text, 'base64')))];
    } catch {
      return [];
    }
  });
}

const BLOCK = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Those of a PEM text of Envoy that can be read. */
export function certificatesIn(pem = ''): X509Certificate[] {
  return (pem.match(BLOCK) ?? []).flatMap((block) => {
    try {
      return [new X509Certificate(block)];
    } catch {
      return [];
    }
  });
}

export function spiffeIdOf({ subjectAltName }: X509Certificate): string | undefined {
  return /URI:(spiffe:[^,]+)/.exec(subjectAltName ?? '')?.[1];
}

/** Of a SPIFFE ID. */
export function trustDomainOf(spiffeId: string | undefined): string | undefined {
  return /^spiffe:\/\/([^/]+)/.exec(spiffeId ?? '')?.[1];
}

/** SHA-256 in hex. */
export function fingerprintOf({ certificate }: ChainLink): string {
  return certificateFingerprint(certificate);
}
