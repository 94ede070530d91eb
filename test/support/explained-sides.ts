import { X509Certificate } from 'node:crypto';
import { envoyFacts } from '../../src/explain/handshake/envoy-facts.js';
import { type Side, sideOf } from '../../src/explain/handshake/side.js';
import { certificate, ecKeys, type KeyPair } from '../hotpath/pki.js';
import { type PageShape, statusDocument } from './agent-pages.js';
import * as odd from './odd-certificates.js';

const HOUR_MS = 3_600_000;

interface Ca {
  readonly keys: KeyPair;
  readonly subject: string;
  readonly certificate: X509Certificate;
}

interface Life {
  readonly notBeforeMs?: number;
  readonly notAfterMs?: number;
}

export function makeCa(subject: string, { issuer, more, ...life }: Life & { issuer?: Ca; more?: Buffer[] } = {}): Ca {
  const keys = ecKeys();
  const shape = { keys, subject, isCa: true, ...within(life), ...(issuer && { issuer }), ...(more && { more }) };
  return { keys, subject, certificate: certificate(shape) };
}

export function makeLeaf(issuer: Ca, uris: readonly string[], { more = [], ...life }: Life & { more?: Buffer[] } = {}) {
  return certificate({ keys: ecKeys(), subject: '', issuer, uris, more, ...within(life) });
}

export function within({ notBeforeMs = Date.now() - HOUR_MS, notAfterMs = Date.now() + HOUR_MS }: Life) {
  return { notBeforeMs, notAfterMs };
}

/** A leaf with these extensions alone, and its SPIFFE ID. */
export function oddLeaf(issuer: Ca, uri: string, ...extensions: readonly Buffer[]): X509Certificate {
  const { publicKey } = ecKeys();
  return new X509Certificate(
    odd.oddCertificate({
      ...{ subject: odd.oddName(), publicKey, ...within({}) },
      issuer: { subject: odd.oddName(['O', issuer.subject]), privateKey: issuer.keys.privateKey },
      extensions: [odd.alternativeNames(odd.general.uri(uri)), ...extensions],
    }),
  );
}

export interface Extra {
  readonly aheadMs?: number;
  readonly ageMs?: number;
  readonly envoy?: unknown;
  readonly expectedSans?: Side['expectedSans'];
}

export function side(label: string, shape: PageShape, { aheadMs, ageMs, envoy, expectedSans = [] }: Extra = {}): Side {
  const facts = envoy === undefined ? undefined : envoyFacts(envoy, 'dump');
  const settings = { label, where: 'test', aheadMs, ageMs, envoy: facts, expectedSans, identity: undefined };
  const found = sideOf(JSON.parse(JSON.stringify(statusDocument(shape))), settings);
  if (typeof found === 'string') throw new Error(found);
  return found;
}

/** A configuration dump with one TLS context. */
export function dump(part: 'Downstream' | 'Upstream', context: object, more: object = {}) {
  const type = `type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.${part}TlsContext`;
  const sds = { validation_context_sds_secret_config: { name: 'ROOTCA' } };
  const own = part === 'Upstream' && Object.keys(context).length === 0 ? [] : [{ name: 'default' }];
  const certificates = 'tls_certificates' in context ? [] : own;
  const common_tls_context = {
    ...{ combined_validation_context: sds, tls_certificate_sds_secret_configs: certificates },
    ...context,
  };
  return {
    configs: [{ name: 'inbound', transport_socket: { typed_config: { '@type': type, common_tls_context, ...more } } }],
  };
}

/** A matcher of `dump`. */
export const matching = (matcher: object) => ({
  combined_validation_context: {
    default_validation_context: { match_typed_subject_alt_names: [{ san_type: 'URI', matcher }] },
    validation_context_sds_secret_config: { name: 'ROOTCA' },
  },
});
