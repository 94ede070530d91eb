import type { ClientDuplexStream } from '@grpc/grpc-js';
import { openChannel } from '../../net/grpc/index.js';
import { envoy } from '../../net/protobuf/index.js';

const { DiscoveryRequest, DiscoveryResponse } = envoy.service.discovery.v3;
const { Secret } = envoy.extensions.transport_sockets.tls.v3;

const STREAM_SECRETS = '/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets';
const SECRET_TYPE_URL = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';
const NAMES = ['default', 'ROOTCA'];

/**
 * Between the end of a stream and the next one: the same as Envoy's in our bootstrap once its back-off has grown a
 * little.
 */
const RECONNECT_MS = 200;

/** What an SDS server has given: all of PEM. */
export interface HeldSecrets {
  readonly chainPem: Buffer;
  readonly keyPem: Buffer;
  readonly bundlePem: Buffer;
}

export interface SecretClientOptions {
  readonly socketPath: string;
  readonly nodeId: string;
  /** Gives the token for each new stream; undefined when the agent needs none. */
  readonly readToken: (() => Promise<string>) | undefined;
  /** Called with each complete and new set. */
  readonly onSecrets: (secrets: HeldSecrets) => void;
}

/**
 * Asks an agent for certificate and trust bundle as an Envoy does: SotW, each answer ACKed, the stream opened again
 * when it ends. It trusts its agent: no answer is ever NACKed.
 */
export class SecretClient {
  readonly #channel: ReturnType<typeof openChannel>;
  #certificate: Pick<HeldSecrets, 'chainPem' | 'keyPem'> | undefined;
  #bundlePem: Buffer | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stream: ClientDuplexStream<Buffer, Buffer> | undefined;
  #isClosed = false;

  constructor(private readonly options: SecretClientOptions) {
    this.#channel = openChannel({ unix: options.socketPath });
    this.#open();
  }

  /** Ends the stream and the connection. Safe to call twice. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#stream?.cancel();
    this.#channel.close();
  }

  #open(): void {
    this.#connect().catch(() => this.#again());
  }

  async #connect(): Promise<void> {
    const { readToken, nodeId } = this.options;
    const metadata = readToken === undefined ? {} : { authorization: `Bearer ${await readToken()}` };
    if (this.#isClosed) return;
    const stream = this.#channel.bidi(STREAM_SECRETS, { metadata });
    this.#stream = stream;
    stream.on('data', (bytes: Buffer) => this.#receive(stream, bytes));
    // The status that follows says the same, and comes for a clean end too.
    stream.on('error', () => {});
    stream.on('status', () => this.#again());
    stream.write(encode({ resourceNames: NAMES, typeUrl: SECRET_TYPE_URL, node: { id: nodeId, cluster: nodeId } }));
  }

  #again(): void {
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => this.#open(), RECONNECT_MS);
  }

  #receive(stream: ClientDuplexStream<Buffer, Buffer>, bytes: Buffer): void {
    const response = DiscoveryResponse.decode(bytes);
    for (const { value } of response.resources) this.#take(Buffer.from(value ?? []));
    const { versionInfo, nonce } = response;
    stream.write(encode({ resourceNames: NAMES, typeUrl: SECRET_TYPE_URL, versionInfo, responseNonce: nonce }));
    if (this.#certificate !== undefined && this.#bundlePem !== undefined) {
      this.options.onSecrets({ ...this.#certificate, bundlePem: this.#bundlePem });
    }
  }

  #take(bytes: Buffer): void {
    const { tlsCertificate, validationContext } = Secret.decode(bytes);
    const chain = tlsCertificate?.certificateChain?.inlineBytes;
    const key = tlsCertificate?.privateKey?.inlineBytes;
    const bundle = validationContext?.trustedCa?.inlineBytes;
    if (chain && key) this.#certificate = { chainPem: Buffer.from(chain), keyPem: Buffer.from(key) };
    if (bundle) this.#bundlePem = Buffer.from(bundle);
  }
}

function encode(fields: ConstructorParameters<typeof DiscoveryRequest>[0]): Buffer {
  return Buffer.from(DiscoveryRequest.encode(fields ?? {}).finish());
}

/** The first complete set of secrets of an agent. @throws Error when `signal` aborts first. */
export function fetchSecrets(
  options: Omit<SecretClientOptions, 'onSecrets'>,
  signal: AbortSignal,
): Promise<HeldSecrets> {
  return new Promise((resolve, reject) => {
    const client = new SecretClient({
      ...options,
      onSecrets(secrets) {
        client.close();
        resolve(secrets);
      },
    });
    signal.addEventListener(
      'abort',
      () => {
        client.close();
        reject(new Error(`${options.nodeId}: the agent gave no certificate in time`));
      },
      { once: true },
    );
  });
}
