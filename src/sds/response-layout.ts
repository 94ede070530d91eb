import { envoy, google } from '../rpc/index.js';
import type { Form } from './subscription.js';
import { SECRET_TYPE_URL } from './type-url.js';

const { DeltaDiscoveryResponse, DiscoveryResponse, Resource } = envoy.service.discovery.v3;
const { Secret } = envoy.extensions.transport_sockets.tls.v3;

/** How the responses of a form are put together, from what is made once and the body of each secret. */
export interface ResponseLayout {
  /** What all responses have: the type and who we are. */
  readonly common: Uint8Array;
  /** The version of all that is in a response. */
  version(version: string): Uint8Array;
  /** What comes before the body of one secret; the body is the end of its resource. */
  resourceHead(resource: { readonly name: string; readonly version: string; readonly bodyBytes: number }): Uint8Array;
}

/** Field 2 of a message, length-delimited: the resources of a response, the resource of a Resource, `Any.value`. */
const FIELD_2_BYTES = 0x12;

const ANY_TYPE = google.protobuf.Any.encode({ type_url: SECRET_TYPE_URL }).finish();

/** The layout of a form; `identifier` says who we are, Envoy shows it as `control_plane.identifier`. */
export function responseLayout(form: Form, identifier: string): ResponseLayout {
  const common = { typeUrl: SECRET_TYPE_URL, controlPlane: { identifier } };
  switch (form) {
    case 'sotw':
      return {
        common: DiscoveryResponse.encode(common).finish(),
        version: (versionInfo) => DiscoveryResponse.encode({ versionInfo }).finish(),
        // resources: Any { type_url, value: Secret { name, … } }
        resourceHead: ({ name, bodyBytes }) => headOf(anyParts(name, bodyBytes), bodyBytes),
      };
    case 'delta':
      return {
        common: DeltaDiscoveryResponse.encode(common).finish(),
        // For people only: each resource has its own.
        version: (systemVersionInfo) => DeltaDiscoveryResponse.encode({ systemVersionInfo }).finish(),
        // resources: Resource { name, version, resource: Any { type_url, value: Secret { name, … } } }
        resourceHead({ name, version, bodyBytes }) {
          const any = headOf(anyParts(name, bodyBytes), bodyBytes);
          return headOf([Resource.encode({ name, version }).finish(), any], bodyBytes);
        },
      };
    default:
      return form satisfies never;
  }
}

/** A delta response that says of `names` that they do not exist; without its nonce. */
export function encodeRemoval(layout: ResponseLayout, names: readonly string[]): Buffer {
  return joined([DeltaDiscoveryResponse.encode({ removedResources: [...names] }).finish(), layout.common]);
}

/** In memory of its own, not of the shared pool: slices of that are handed out again, and this may hold a key. */
export function joined(parts: readonly Uint8Array[]): Buffer {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = Buffer.allocUnsafeSlow(length);
  let end = 0;
  for (const part of parts) {
    whole.set(part, end);
    end += part.length;
  }
  return whole;
}

/** An Any, as far as before the body of its secret. */
function anyParts(name: string, bodyBytes: number): Uint8Array[] {
  const secretName = Secret.encode({ name }).finish();
  return [ANY_TYPE, Uint8Array.of(FIELD_2_BYTES, ...varint(secretName.length + bodyBytes)), secretName];
}

/** `parts`, before which stands that they and the body are field 2 of something. */
function headOf(parts: readonly Uint8Array[], bodyBytes: number): Uint8Array {
  const content = joined(parts);
  return joined([Uint8Array.of(FIELD_2_BYTES, ...varint(content.length + bodyBytes)), content]);
}

/** Base 128, least significant group first. (Protocol Buffers, "Encoding") */
function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}
