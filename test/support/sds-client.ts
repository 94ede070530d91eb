import { type ClientDuplexStream, type StatusObject, status } from '@grpc/grpc-js';
import type { Test } from 'tap';
import { envoy, openChannel, type RpcChannel } from '../../src/rpc/index.js';
import { SECRET_TYPE_URL } from '../../src/sds/index.js';

const { DiscoveryRequest, DiscoveryResponse } = envoy.service.discovery.v3;
const { Secret } = envoy.extensions.transport_sockets.tls.v3;
const STREAM_SECRETS = '/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets';

/** A method that no server has: its refusal is the answer to a question that costs nothing. */
const NOWHERE = '/sidecert.test.Nowhere/Ping';

/** Round trips that {@link SdsClient.expectSilence} makes: one to see the request read, the rest for the turns of a broadcast. */
const ROUND_TRIPS = 3;

/** How long an expected response may take before the test fails; never waited for otherwise. */
const PATIENCE_MS = 60_000;

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

/** How a stream ended, as its server said. */
export interface StreamEnd {
  readonly code: status;
  readonly details: string;
}

/**
 * A fake Envoy: one `StreamSecrets` stream on a connection of its own, which `another` opens more streams on. It answers
 * nothing by itself.
 */
export class SdsClient {
  readonly #channel: RpcChannel;
  readonly #stream: ClientDuplexStream<Buffer, Buffer>;
  readonly #arrived: SdsResponse[] = [];
  #names: readonly string[] = [];
  #end: StreamEnd | undefined;
  #notify = (): void => {};
  /** Resolves when the server has ended the stream. */
  readonly ended: Promise<StreamEnd>;

  constructor(channel: RpcChannel, metadata: Record<string, string> = {}) {
    this.#channel = channel;
    this.#stream = channel.bidi(STREAM_SECRETS, { metadata });
    // The status says the same, and comes for a clean end too.
    this.#stream.on('error', () => {});
    this.ended = new Promise((resolve) => {
      this.#stream.on('status', ({ code, details }: StatusObject) => {
        this.#end = { code, details };
        this.#notify();
        resolve(this.#end);
      });
    });
    this.#stream.on('data', (bytes: Buffer) => {
      this.#arrived.push(decodeResponse(bytes));
      this.#notify();
    });
  }

  /** A further stream on the same connection. */
  another(metadata: Record<string, string> = {}): SdsClient {
    return new SdsClient(this.#channel, metadata);
  }

  /** Sends a request; `names` stay what they were unless given. */
  request(fields: RequestFields = {}): void {
    this.#names = fields.names ?? this.#names;
    this.#stream.write(encodeRequest({ ...fields, names: this.#names }));
  }

  /** Sends any bytes as one message. */
  sendRaw(message: Buffer): void {
    this.#stream.write(message);
  }

  ack(response: SdsResponse, fields: RequestFields = {}): void {
    this.request({ version: response.version, nonce: response.nonce, ...fields });
  }

  /** Rejects a response; as Envoy does, with the version accepted before, which is empty unless given. */
  nack(response: SdsResponse, error: string, fields: RequestFields = {}): void {
    this.request({ nonce: response.nonce, error, ...fields });
  }

  /** The next response, in order of arrival. */
  async expectResponse(): Promise<SdsResponse> {
    while (this.#arrived.length === 0) {
      this.#assertOpen('a response');
      await this.#news();
    }
    const [response] = this.#arrived.splice(0, 1);
    if (response === undefined) throw new Error('another reader took the response');
    return response;
  }

  /**
   * Proves that what was sent and changed until now gave no response, and that the stream lives: by round trips on the
   * same connection, which the server answers after all that it had to do for this stream.
   */
  async expectSilence(): Promise<void> {
    for (let trip = 0; trip < ROUND_TRIPS; trip += 1) await this.roundTrip();
    const [response] = this.#arrived;
    if (response !== undefined) throw new Error(`got a response with ${response.names}, expected silence`);
    this.#assertOpen('silence');
  }

  /** Asks the server something on this connection and waits for the answer. */
  async roundTrip(): Promise<void> {
    const options = { deadlineMs: Date.now() + PATIENCE_MS };
    await this.#channel.unary(NOWHERE, Buffer.alloc(0), options).catch((error: { code: status }) => {
      if (error.code !== status.UNIMPLEMENTED) throw error;
    });
  }

  /** Half-closes, as a client does that is done. */
  halfClose(): void {
    this.#stream.end();
  }

  /** Resets the stream. */
  cancel(): void {
    this.#stream.cancel();
  }

  #assertOpen(expected: string): void {
    if (this.#end === undefined) return;
    throw new Error(`stream ended with ${status[this.#end.code]} (${this.#end.details}), expected ${expected}`);
  }

  /** Resolves at the next response, or at the end of the stream. */
  #news(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('no response came')), PATIENCE_MS);
      this.#notify = () => {
        clearTimeout(timer);
        resolve();
      };
    });
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
