import { X509Certificate } from 'node:crypto';
import type { ServedSecret } from '../../src/agent/sds/index.js';
import { envoy } from '../../src/net/protobuf/index.js';
import { plainSerial } from '../../src/text/index.js';

const { Secret } = envoy.extensions.transport_sockets.tls.v3;

/** The serial of the leaf in a secret, written as those of handshakes are. */
export function serialOf({ body }: Pick<ServedSecret, 'body'>): string {
  return serialOfPem(Secret.decode(body).tlsCertificate?.certificateChain?.inlineBytes ?? Buffer.alloc(0));
}

export function serialOfPem(pem: Uint8Array): string {
  return plainSerial(new X509Certificate(pem).serialNumber);
}
