import protobuf from 'protobufjs';
import { officialProtos } from './official-protos.js';

const TLS = 'envoy.extensions.transport_sockets.tls.v3';

/**
 * The fields of Envoy's private key providers, which are the same for both and which no package at hand ships: pinned
 * from the published files. (envoy: api/contrib/envoy/extensions/private_key_providers/{cryptomb,qat}/v3alpha)
 */
const PROVIDER_CONFIG = `
  syntax = "proto3";
  package pinned;
  import "envoy/config/core/v3/base.proto";
  import "google/protobuf/duration.proto";
  message PrivateKeyMethodConfig {
    envoy.config.core.v3.DataSource private_key = 1;
    google.protobuf.Duration poll_delay = 2;
  }`;

/** Reads with the official definitions of Envoy; unknown fields would go unnoticed, so the bytes are compared, too. */
export class OfficialSecrets {
  readonly #root = officialProtos(
    'envoy/extensions/transport_sockets/tls/v3/secret.proto',
    'envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config.proto',
    'envoy/service/discovery/v3/discovery.proto',
    'google/protobuf/duration.proto',
  );

  constructor() {
    protobuf.parse(PROVIDER_CONFIG, this.#root);
  }

  /** The secrets of a DiscoveryResponse; its own fields may stand in any order. */
  resources(response: Uint8Array): Record<string, unknown>[] {
    const type = this.#root.lookupType('envoy.service.discovery.v3.DiscoveryResponse');
    const { resources } = type.decode(response) as unknown as { resources: { value: Uint8Array }[] };
    return resources.map(({ value }) => this.secret(value));
  }

  /** A `Secret`, as an object with the field names of the definitions in camel case. */
  secret(bytes: Uint8Array): Record<string, unknown> {
    return this.#read(`${TLS}.Secret`, bytes);
  }

  spiffeConfig(bytes: Uint8Array): Record<string, unknown> {
    return this.#read(`${TLS}.SPIFFECertValidatorConfig`, bytes);
  }

  providerConfig(bytes: Uint8Array): Record<string, unknown> {
    return this.#read('pinned.PrivateKeyMethodConfig', bytes);
  }

  /** What is read is written again: an unknown field, or one out of order, makes it other bytes. */
  #read(typeName: string, bytes: Uint8Array): Record<string, unknown> {
    const type = this.#root.lookupType(typeName);
    const message = type.decode(bytes);
    const again = Buffer.from(type.encode(message).finish());
    if (!again.equals(bytes)) throw new Error(`${typeName}: written again by the official definitions it differs`);
    return type.toObject(message, { longs: Number, enums: String, arrays: false });
  }
}
