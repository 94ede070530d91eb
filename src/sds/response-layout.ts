import { envoy, google } from '../rpc/index.js';
import type { Form } from './subscription.js';
import { SECRET_TYPE_URL } from './type-url.js';

const { DeltaDiscoveryResponse, DiscoveryResponse } = envoy.service.discovery.v3;

/** How the responses of a form are put together, from what is made once and the body of each secret. */
export interface ResponseLayout {
  /** What all responses have: the type and who we are. */
  readonly common: Uint8Array;
  /** The version of all that is in a response. */
  version(version: string): Uint8Array;
  /** What comes before the body of one secret; the body is the end of its resource. */
  resourceHead(resource: { readonly name: string; readonly version: string; readonly bodyBytes: number }): Uint8Array;
}

/** Length-delimited fields: `version_info` and `system_version_info`, a secret's name, `Resource.version`. */
const FIELD_1 = 0x0a;
/** The resources of a response, the resource of a Resource, `Any.value`. */
const FIELD_2 = 0x12;
/** `Resource.name` */
const FIELD_3 = 0x1a;

/** No length of ours takes more: 4 MiB. */
const MAX_VARINT_BYTES = 5;

const ANY_TYPE = google.protobuf.Any.encode({ type_url: SECRET_TYPE_URL }).finish();

/** The layout of a form; `identifier` says who we are, Envoy shows it as `control_plane.identifier`. */
export function responseLayout(form: Form, identifier: string): ResponseLayout {
  const common = { typeUrl: SECRET_TYPE_URL, controlPlane: { identifier } };
  switch (form) {
    case 'sotw':
      return {
        common: DiscoveryResponse.encode(common).finish(),
        version: (versionInfo) => textField(FIELD_1, versionInfo),
        // resources: Any { type_url, value: Secret { name, … } }
        resourceHead: ({ name, bodyBytes }) => headOf(anyOf(name, bodyBytes), bodyBytes),
      };
    case 'delta':
      return {
        common: DeltaDiscoveryResponse.encode(common).finish(),
        // For people only: each resource has its own.
        version: (systemVersionInfo) => textField(FIELD_1, systemVersionInfo),
        // resources: Resource { name, version, resource: Any { type_url, value: Secret { name, … } } }
        resourceHead({ name, version, bodyBytes }) {
          const any = headOf(anyOf(name, bodyBytes), bodyBytes);
          return headOf(joined([textField(FIELD_3, name), textField(FIELD_1, version), any]), bodyBytes);
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
function anyOf(name: string, bodyBytes: number): Buffer {
  const secretName = textField(FIELD_1, name);
  return joined([ANY_TYPE, lengthOf(FIELD_2, secretName.length + bodyBytes), secretName]);
}

/** `content`, before which stands that it and the body are field 2 of something. */
function headOf(content: Buffer, bodyBytes: number): Buffer {
  return joined([lengthOf(FIELD_2, content.length + bodyBytes), content]);
}

/** By hand, for each pod has a response of its own: a writer of protobuf.js takes four times as long. */
function textField(key: number, text: string): Buffer {
  const head = lengthOf(key, Buffer.byteLength(text));
  return Buffer.concat([head, Buffer.from(text)]);
}

/** A key, and a length in base 128, least significant group first. (Protocol Buffers, "Encoding") */
function lengthOf(key: number, length: number): Buffer {
  const head = Buffer.allocUnsafe(1 + MAX_VARINT_BYTES);
  head[0] = key;
  let at = 1;
  let rest = length;
  for (; rest >= 0x80; rest >>>= 7) {
    head[at] = (rest & 0x7f) | 0x80;
    at += 1;
  }
  head[at] = rest;
  return head.subarray(0, at + 1);
}
