import { createHash } from 'node:crypto';
import type { ServedSecret } from '../../src/agent/sds/index.js';
import { envoy, google } from '../../src/net/protobuf/index.js';
import { encodePem } from '../../src/pki/x509/index.js';
import { ecKeys, pkcs8 } from '../hotpath/pki.js';
import type { TestCa } from '../support/test-ca.js';

const { Secret } = envoy.extensions.transport_sockets.tls.v3;

export const SLEEP_ID = 'spiffe://cluster.local/ns/foo/sa/sleep';
export const SECRET_TYPE_URL = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';

export interface SvidShape {
  readonly uris?: readonly string[];
  readonly notBeforeMs?: number;
  readonly notAfterMs?: number;
  /** Hands out the key of somebody else. */
  readonly hasWrongKey?: boolean;
}

/** A key with its certificate, new each time. */
export function svidSecret(
  ca: TestCa,
  { hasWrongKey = false, uris = [SLEEP_ID], ...life }: SvidShape = {},
): ServedSecret {
  const keys = ecKeys();
  const chainPem = ca.leaf(keys, { uris, ...life });
  const keyPem = encodePem('PRIVATE KEY', pkcs8((hasWrongKey ? ecKeys() : keys).privateKey));
  return served({
    tlsCertificate: { certificateChain: { inlineBytes: chainPem }, privateKey: { inlineBytes: keyPem } },
  });
}

export function bundleSecret(pem: Buffer): ServedSecret {
  return served({ validationContext: { trustedCa: { inlineBytes: pem } } });
}

function served(fields: ConstructorParameters<typeof Secret>[0]): ServedSecret {
  const body = Buffer.from(Secret.encode(fields ?? {}).finish());
  return { body, version: createHash('sha256').update(body).digest('hex').slice(0, 16) };
}

/** The `Any` of a secret under a name, by the generated codec. */
export function anyOf(name: string, { body }: ServedSecret): { type_url: string; value: Buffer } {
  return { type_url: SECRET_TYPE_URL, value: Buffer.concat([Buffer.from(Secret.encode({ name }).finish()), body]) };
}

export function anyBytes(name: string, secret: ServedSecret): Buffer {
  return Buffer.from(google.protobuf.Any.encode(anyOf(name, secret)).finish());
}
