import type { X509Certificate } from 'node:crypto';
import { shownCertificate } from '../../src/status/shown-certificate.js';

/** One agent of a mesh, as far as its status page shows it. */
export interface PageShape {
  readonly spiffeId: string;
  /** Leaf first; none for an agent without a certificate. */
  readonly chain: readonly X509Certificate[];
  readonly roots: readonly X509Certificate[];
  readonly nowMs?: number;
  readonly failure?: { readonly code: string; readonly error: string };
  readonly token?: Readonly<Record<string, unknown>>;
  readonly peers?: Readonly<Record<string, unknown>>;
  readonly history?: Readonly<Record<string, unknown>>;
  readonly sds?: Readonly<Record<string, unknown>>;
  readonly more?: Readonly<Record<string, unknown>>;
}

const CERTIFICATE = 'cert-1';
const BUNDLE = 'bundle-1';

/** A page of the shape that docs/status.md promises, of an agent whose Envoy holds all that is newest. */
export function statusDocument(shape: PageShape): Record<string, unknown> {
  const {
    spiffeId,
    chain,
    roots,
    nowMs = Date.now(),
    failure,
    token,
    peers = {},
    history = {},
    sds = {},
    more = {},
  } = shape;
  const at = new Date(nowMs).toISOString();
  const [leaf] = chain;
  const { serial, not_before, not_after, ...words } = leaf === undefined ? {} : shownCertificate(leaf.raw);
  return {
    ...{ version: '0.1.0', hot_path: 'js', mode: 'sidecar', now: at, trust_domain: spiffeId.split('/')[2] },
    identities: [
      {
        ...{ spiffe_id: spiffeId, svid: leaf === undefined ? 'none' : 'valid', serial, not_before, not_after, token },
        ...(failure && { failed_renewals: 3, last_failure: { ...failure, at } }),
        ...words,
        ...(leaf && {
          certificate_version: CERTIFICATE,
          bundle_version: BUNDLE,
          chain: chain.map(({ raw }) => raw.toString('base64')),
        }),
      },
    ],
    bundles: leaf === undefined ? [] : [bundleOf(roots)],
    peers: { sans: [], ...peers },
    sds: {
      ...{
        connections: 1,
        streams: 2,
        subscriber_count: 1,
        socket: { path: '/run/sds', mode: '0660', uid: 0, gid: 0 },
      },
      subscribers: [
        { node_id: 'envoy', names: [wantedName('default', 'certificate'), wantedName('ROOTCA', 'validation-context')] },
      ],
      ...sds,
    },
    history,
    ...more,
  };
}

/** A name of an Envoy that has ACKed the newest, unless `changes` say otherwise. */
export function wantedName(name: string, kind: string, changes: Readonly<Record<string, unknown>> = {}) {
  const version = kind === 'certificate' ? CERTIFICATE : BUNDLE;
  return { name, kind, state: 'applied', version, acked: version, acked_at: '2026-12-01T10:00:00Z', ...changes };
}

function bundleOf(roots: readonly X509Certificate[]) {
  const shown = roots.map(({ raw }) => ({ ...shownCertificate(raw), der: raw.toString('base64') }));
  return { version: BUNDLE, root_count: roots.length, roots: shown };
}
