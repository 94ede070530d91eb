import { status } from '@grpc/grpc-js';
import type { Test } from 'tap';
import { SECRET_TYPE_URL } from '../../src/agent/sds/index.js';
import type { RpcChannel } from '../../src/net/grpc/client/channel.js';
import { openChannel } from '../../src/net/grpc/index.js';
import { envoy } from '../../src/net/protobuf/index.js';
import { XdsClient } from './xds-client.js';

const { DiscoveryRequest, DiscoveryResponse } = envoy.service.discovery.v3;
const { Secret } = envoy.extensions.transport_sockets.tls.v3;
const STREAM_SECRETS = '/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets';

export type DecodedSecret = InstanceType<typeof Secret>;

/** One DiscoveryResponse, with its secrets parsed. */
export interface SdsResponse {
  readonly version: string;
  readonly nonce: string;
  readonly typeUrl: string;
  readonly controlPlane: string;
  readonly names: readonly string[];
  readonly secrets: readonly DecodedSecret[];
  /** The message as it came. */
  readonly bytes: Buffer;
}

export interface RequestFields {
  readonly names?: readonly string[];
  readonly nonce?: string;
  readonly version?: string;
  readonly typeUrl?: string;
  /** Left out after a stream's first request, as Envoy does with `set_node_on_first_message_only`. */
  readonly nodeId?: string;
  readonly error?: string;
}

/**
 * A fake Envoy: one SotW stream on a connection of its own, which `another` opens more streams on. It answers nothing
 * by itself.
 */
export class SdsClient extends XdsClient<SdsResponse> {
  #names: readonly string[] = [];

  constructor(channel: RpcChannel, metadata: Record<string, string> = {}, method = STREAM_SECRETS) {
    super(channel, channel.bidi(method, { metadata }), decodeResponse);
  }

  /** A further stream on the same connection. */
  another(metadata: Record<string, string> = {}, method = STREAM_SECRETS): SdsClient {
    return new SdsClient(this.channel, metadata, method);
  }

  /** Sends a request; `names` stay what they were unless given. */
  request(fields: RequestFields = {}): void {
    this.#names = fields.names ?? this.#names;
    this.sendRaw(encodeRequest({ ...fields, names: this.#names }));
  }

  ack(response: SdsResponse, fields: RequestFields = {}): void {
    this.request({ version: response.version, nonce: response.nonce, ...fields });
  }

  /** Rejects a response; as Envoy does, with the version accepted before, which is empty unless given. */
  nack(response: SdsResponse, error: string, fields: RequestFields = {}): void {
    this.request({ nonce: response.nonce, error, ...fields });
  }
}

/** Connects to the SDS server at `path`, and disconnects when the test is over. */
export function openSdsClient(t: Test, path: string, metadata: Record<string, string> = {}): SdsClient {
  const channel = openChannel({ unix: path });
  t.teardown(() => channel.close());
  return new SdsClient(channel, metadata);
}

/** The bytes of a request. */
export function encodeRequest(fields: RequestFields): Buffer {
  const { names = [], version = '', nonce = '', typeUrl = SECRET_TYPE_URL, nodeId, error } = fields;
  return Buffer.from(
    DiscoveryRequest.encode({
      resourceNames: [...names],
      versionInfo: version,
      responseNonce: nonce,
      typeUrl,
      ...(nodeId === undefined ? {} : { node: { id: nodeId, cluster: 'test' } }),
      ...(error === undefined ? {} : { errorDetail: { code: status.INTERNAL, message: error } }),
    }).finish(),
  );
}

/** Reads a response as a client does; throws when anything in it is of another type than `Secret`. */
export function decodeResponse(bytes: Buffer): SdsResponse {
  const response = DiscoveryResponse.decode(bytes);
  const secrets = response.resources.map((any) => {
    if (any.type_url !== SECRET_TYPE_URL)
      throw new Error(`resource of type ${any.type_url}, expected ${SECRET_TYPE_URL}`);
    return Secret.decode(any.value ?? Buffer.alloc(0));
  });
  return {
    version: response.versionInfo,
    nonce: response.nonce,
    typeUrl: response.typeUrl,
    controlPlane: response.controlPlane?.identifier ?? '',
    names: secrets.map(({ name }) => name),
    secrets,
    bytes,
  };
}
