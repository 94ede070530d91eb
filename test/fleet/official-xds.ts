import type protobuf from 'protobufjs';
import { officialProtos } from '../support/official-protos.js';

/** The official messages of xDS, which the fleet's own reading and writing is held against. */
export function officialXds() {
  const root = officialProtos('envoy/service/discovery/v3/discovery.proto');
  const type = (name: string) => root.lookupType(`envoy.service.discovery.v3.${name}`);
  return {
    request: (isDelta: boolean) => messageOf(type(isDelta ? 'DeltaDiscoveryRequest' : 'DiscoveryRequest')),
    response: (isDelta: boolean) => messageOf(type(isDelta ? 'DeltaDiscoveryResponse' : 'DiscoveryResponse')),
  };
}

function messageOf(type: protobuf.Type) {
  return {
    encode: (fields: object) => Buffer.from(type.encode(type.fromObject(fields)).finish()),
    decode: (bytes: Buffer): Record<string, unknown> => type.toObject(type.decode(bytes), { defaults: true }),
  };
}
