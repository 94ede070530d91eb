import { envoy, fieldSizeBytes, google, textFieldBytes, type WireWriter } from '../../net/protobuf/index.js';
import type { Form } from './subscription-state.js';
import { SECRET_TYPE_URL } from './type-url.js';

const { DeltaDiscoveryResponse, DiscoveryResponse } = envoy.service.discovery.v3;

/** One secret of a response. */
export interface ResponseResource {
  readonly name: string;
  readonly version: string;
  /** All of the `Secret` but its name. */
  readonly body: Buffer;
}

/** How the responses of a form are put together, from what is made once and the body of each secret. */
export interface ResponseLayout {
  /** What all responses have: the type and who we are. */
  readonly common: Uint8Array;
  /** How much of a response is one secret. */
  resourceBytes(resource: ResponseResource): number;
  /** Writes so much. */
  writeResource(writer: WireWriter, resource: ResponseResource): void;
}

/** `version_info` and, for people only, `system_version_info`, which says it of all that is in a response. */
export const VERSION_KEY = 0x0a;

/** The keys of length-delimited fields. */
const RESOURCES_KEY = 0x12;
const RESOURCE_VERSION_KEY = 0x0a;
const RESOURCE_RESOURCE_KEY = 0x12;
const RESOURCE_NAME_KEY = 0x1a;
const ANY_VALUE_KEY = 0x12;
const SECRET_NAME_KEY = 0x0a;

const ANY_TYPE = google.protobuf.Any.encode({ type_url: SECRET_TYPE_URL }).finish();

/** The layout of a form; `identifier` says who we are, Envoy shows it as `control_plane.identifier`. */
export function responseLayout(form: Form, identifier: string): ResponseLayout {
  const common = { typeUrl: SECRET_TYPE_URL, controlPlane: { identifier } };
  switch (form) {
    case 'sotw':
      return {
        common: DiscoveryResponse.encode(common).finish(),
        // resources: Any { type_url, value: Secret { name, … } }
        resourceBytes: (resource) => fieldSizeBytes(anyBytes(resource)),
        writeResource: (writer, resource) => writeAny(writer, RESOURCES_KEY, resource),
      };
    case 'delta':
      return {
        common: DeltaDiscoveryResponse.encode(common).finish(),
        // resources: Resource { name, version, resource: Any { type_url, value: Secret { name, … } } }
        resourceBytes: (resource) => fieldSizeBytes(deltaResourceBytes(resource)),
        writeResource(writer, resource) {
          writer.head(RESOURCES_KEY, deltaResourceBytes(resource));
          writer.text(RESOURCE_NAME_KEY, resource.name);
          writer.text(RESOURCE_VERSION_KEY, resource.version);
          writeAny(writer, RESOURCE_RESOURCE_KEY, resource);
        },
      };
    default:
      return form satisfies never;
  }
}

/** A delta response that says of `names` that they do not exist; without its nonce. */
export function encodeRemoval(layout: ResponseLayout, names: readonly string[]): Buffer {
  return Buffer.concat([DeltaDiscoveryResponse.encode({ removedResources: [...names] }).finish(), layout.common]);
}

function deltaResourceBytes(resource: ResponseResource): number {
  return textFieldBytes(resource.name) + textFieldBytes(resource.version) + fieldSizeBytes(anyBytes(resource));
}

function anyBytes(resource: ResponseResource): number {
  return ANY_TYPE.length + fieldSizeBytes(secretBytes(resource));
}

function secretBytes({ name, body }: ResponseResource): number {
  return textFieldBytes(name) + body.length;
}

function writeAny(writer: WireWriter, key: number, resource: ResponseResource): void {
  writer.head(key, anyBytes(resource));
  writer.put(ANY_TYPE);
  writer.head(ANY_VALUE_KEY, secretBytes(resource));
  writer.text(SECRET_NAME_KEY, resource.name);
  writer.put(resource.body);
}
