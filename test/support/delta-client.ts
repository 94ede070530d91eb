import { status } from '@grpc/grpc-js';
import type { Test } from 'tap';
import { SECRET_TYPE_URL } from '../../src/agent/sds/index.js';
import type { RpcChannel } from '../../src/net/grpc/client/channel.js';
import { openChannel } from '../../src/net/grpc/index.js';
import { envoy } from '../../src/net/protobuf/index.js';
import type { DecodedSecret } from './sds-client.js';
import { XdsClient } from './xds-client.js';

const { DeltaDiscoveryRequest, DeltaDiscoveryResponse } = envoy.service.discovery.v3;
const { Secret } = envoy.extensions.transport_sockets.tls.v3;
export const DELTA_SECRETS = '/envoy.service.secret.v3.SecretDiscoveryService/DeltaSecrets';

/** One DeltaDiscoveryResponse, with its secrets parsed. */
export interface DeltaResponse {
  readonly nonce: string;
  readonly typeUrl: string;
  readonly controlPlane: string;
  readonly systemVersion: string;
  /** Of the resources, as their `Resource` says. */
  readonly names: readonly string[];
  readonly versions: readonly string[];
  readonly secrets: readonly DecodedSecret[];
  readonly removed: readonly string[];
}

export interface DeltaFields {
  readonly subscribe?: readonly string[];
  readonly unsubscribe?: readonly string[];
  readonly initialVersions?: Readonly<Record<string, string>>;
  readonly nonce?: string;
  readonly error?: string;
  readonly typeUrl?: string;
  readonly nodeId?: string;
}

/** A fake Envoy with one delta stream. It answers nothing by itself. */
export class DeltaClient extends XdsClient<DeltaResponse> {
  constructor(channel: RpcChannel, method = DELTA_SECRETS) {
    super(channel, channel.bidi(method), decodeDeltaResponse);
  }

  /** A further stream on the same connection. */
  another(method = DELTA_SECRETS): DeltaClient {
    return new DeltaClient(this.channel, method);
  }

  request(fields: DeltaFields): void {
    this.sendRaw(encodeDeltaRequest(fields));
  }

  ack(response: DeltaResponse, fields: DeltaFields = {}): void {
    this.request({ nonce: response.nonce, ...fields });
  }

  nack(response: DeltaResponse, error: string, fields: DeltaFields = {}): void {
    this.request({ nonce: response.nonce, error, ...fields });
  }
}

/** Connects to the SDS server at `path`, and disconnects when the test is over. */
export function openDeltaClient(t: Test, path: string, method = DELTA_SECRETS): DeltaClient {
  const channel = openChannel({ unix: path });
  t.teardown(() => channel.close());
  return new DeltaClient(channel, method);
}

/** The bytes of a request. */
export function encodeDeltaRequest(fields: DeltaFields): Buffer {
  const { subscribe = [], unsubscribe = [], initialVersions = {}, nonce = '', typeUrl = SECRET_TYPE_URL } = fields;
  const { nodeId, error } = fields;
  return Buffer.from(
    DeltaDiscoveryRequest.encode({
      resourceNamesSubscribe: [...subscribe],
      resourceNamesUnsubscribe: [...unsubscribe],
      initialResourceVersions: initialVersions,
      responseNonce: nonce,
      typeUrl,
      ...(nodeId === undefined ? {} : { node: { id: nodeId, cluster: 'test' } }),
      ...(error === undefined ? {} : { errorDetail: { code: status.INTERNAL, message: error } }),
    }).finish(),
  );
}

/** Reads a response as a client does; throws where a resource is not a `Secret` of the name that stands beside it. */
export function decodeDeltaResponse(bytes: Buffer): DeltaResponse {
  const response = DeltaDiscoveryResponse.decode(bytes);
  const secrets = response.resources.map(({ name, resource }) => {
    if (resource?.type_url !== SECRET_TYPE_URL) throw new Error(`resource of type ${resource?.type_url}`);
    const secret = Secret.decode(resource.value ?? Buffer.alloc(0));
    if (secret.name !== name) throw new Error(`secret ${secret.name} in a resource ${name}`);
    return secret;
  });
  return {
    nonce: response.nonce,
    typeUrl: response.typeUrl,
    controlPlane: response.controlPlane?.identifier ?? '',
    systemVersion: response.systemVersionInfo,
    names: response.resources.map(({ name }) => name ?? ''),
    versions: response.resources.map(({ version }) => version ?? ''),
    secrets,
    removed: response.removedResources,
  };
}
