import {
  type KeyCertPair,
  Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import type { Test } from 'tap';
import { istio, sidecert } from '../../src/net/protobuf/index.js';
import { rawMethod } from './raw-method.js';
import { type LeafShape, p256KeyIn, TestCa } from './test-ca.js';

const { IstioCertificateRequest, IstioCertificateResponse } = istio.v1.auth;
const { GetTrustBundleRequest, GetTrustBundleResponse } = sidecert.v1;

/** What the CA does with a call. */
export type Fault =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'reject';
      readonly code: status;
      readonly details?: string;
      readonly trailers?: Readonly<Record<string, string | Buffer>>;
    }
  /** Never answers. */
  | { readonly kind: 'hang' }
  /** Answers these elements, whatever was asked. */
  | { readonly kind: 'elements'; readonly elements: readonly string[] }
  /** Certifies another key than that of the CSR. */
  | { readonly kind: 'wrong-key' }
  /** Issues, but another leaf, by somebody else, or with other roots in its answer. */
  | {
      readonly kind: 'issues';
      readonly leaf?: LeafShape;
      /** Of the leaf, from when it is issued. */
      readonly lifeMs?: number;
      readonly signer?: TestCa;
      /** PEM, as the last element of the answer. */
      readonly roots?: string;
    }
  /** Answers bytes that are no message. */
  | { readonly kind: 'garbage-bytes' }
  /** Issues after so many milliseconds. */
  | { readonly kind: 'slow'; readonly delayMs: number };

/** One call as the CA saw it. */
export interface SeenCall {
  readonly authorization: string;
  /** Serial of the client's certificate, without any `undefined`. */
  readonly clientSerial: string | undefined;
  readonly clusterId: readonly string[];
  /** All of its headers. */
  readonly headers: Readonly<Record<string, unknown>>;
  readonly csr: string;
  readonly validitySeconds: number;
  readonly certSigner: string | null | undefined;
  /** The peer's address and port: another one is another connection. */
  readonly peer: string;
}

type Changes = Partial<Omit<Extract<Fault, { kind: 'issues' }>, 'kind'>>;
type Answer = sendUnaryData<Buffer>;
type Call = ServerUnaryCall<Buffer, Buffer>;

interface FakeCaOptions {
  readonly host?: string;
  /** 0 for any free one. */
  readonly port?: number;
  /** Signs leaves, and the server's own certificate; of its chain the root is in the bundle. */
  readonly root?: TestCa;
  /** Without TLS. */
  readonly isPlaintext?: boolean;
  /** Whose client certificates are asked for, and whether one is wanted. */
  readonly clients?: { readonly ca: TestCa; readonly isRequired: boolean };
  readonly serverCertificate?: { certPem: Buffer; keyPem: Buffer };
}

interface BundleReply {
  readonly version: string;
  readonly bundle?: Buffer;
  readonly listsVersion?: string;
  readonly revocationLists?: Buffer;
}

/** A CA on a real TLS port that issues for whatever token, and misbehaves on demand. */
export class FakeCaServer {
  /** For the calls to come that {@link faults} has nothing for. */
  fault: Fault = { kind: 'none' };
  /** For the next calls, one each. */
  readonly faults: Fault[] = [];
  readonly calls: SeenCall[] = [];
  /** What it does with this one call; left out or `undefined`: as the faults say. */
  decide: (call: SeenCall) => Fault | undefined = () => undefined;
  /** The identity that the CA sees in a token. */
  identityOf: (authorization: string) => string = () => 'spiffe://cluster.local/ns/foo/sa/sleep';
  /** Answers a call for its bundle alone, by the version that the caller has; without it, there is no such method. */
  answerBundle: ((knownVersion: string) => Promise<BundleReply>) | undefined;
  /** The tokens of the calls for its bundle. */
  readonly bundleCalls: string[] = [];
  /** Else P-256 keys are taken from CSRs unchecked, which costs a thousandth. */
  checksCsrs = true;
  cancelled = 0;
  #waiters: (() => void)[] = [];

  private constructor(
    readonly root: TestCa,
    readonly intermediate: TestCa,
    private readonly server: Server,
  ) {}

  /** Listens; closed at the end of the test. */
  static async start(t: Test, options: FakeCaOptions = {}): Promise<FakeCaServer & { address: string }> {
    const root = options.root ?? TestCa.root();
    // Not without channelz: grpc-js then forgets its connections, and forceShutdown leaves them open.
    const server = new Server();
    const fake = new FakeCaServer(root, root.intermediate(), server);
    const definition = rawMethod('/istio.v1.auth.IstioCertificateService/CreateCertificate', 'unary');
    server.addService(
      { CreateCertificate: definition },
      { CreateCertificate: (call: Call, answer: Answer) => fake.#serve(call, answer) },
    );
    server.addService(
      { GetTrustBundle: rawMethod('/sidecert.v1.TrustBundleService/GetTrustBundle', 'unary') },
      { GetTrustBundle: (call: Call, answer: Answer) => void fake.#serveBundle(call, answer) },
    );
    const { certPem, keyPem } = options.serverCertificate ?? root.server();
    const credentials =
      options.isPlaintext === true
        ? ServerCredentials.createInsecure()
        : tlsCredentials({ cert_chain: certPem, private_key: keyPem }, options.clients);
    const host = options.host ?? '127.0.0.1';
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`${host}:${options.port ?? 0}`, credentials, (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    t.teardown(() => fake.stop());
    return Object.assign(fake, { address: `${host}:${port}` });
  }

  get rootPem(): Buffer {
    return this.root.certificatePem;
  }

  /** Cuts all connections off and frees the port. */
  stop(): void {
    this.server.forceShutdown();
  }

  /** Resolves when `count` calls have come in all. */
  async untilCalled(count: number): Promise<void> {
    while (this.calls.length < count) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  /** Resolves when `count` calls have been cancelled by their callers. */
  async untilCancelled(count: number): Promise<void> {
    while (this.cancelled < count) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  /** Resolves when `count` calls for its bundle have come in all. */
  async untilAskedForBundle(count: number): Promise<void> {
    while (this.bundleCalls.length < count) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  async #serveBundle(call: Call, answer: Answer): Promise<void> {
    this.bundleCalls.push(values(call.metadata, 'authorization').join(', '));
    this.#wake();
    if (this.answerBundle === undefined) {
      answer({ code: status.UNIMPLEMENTED, details: 'unknown service' });
      return;
    }
    const { knownVersion } = GetTrustBundleRequest.decode(call.request);
    answer(null, Buffer.from(GetTrustBundleResponse.encode(await this.answerBundle(knownVersion)).finish()));
  }

  #serve(call: Call, answer: Answer): void {
    call.once('cancelled', () => {
      this.cancelled += 1;
      this.#wake();
    });
    const seen = seenCall(call);
    this.calls.push(seen);
    this.#wake();
    const fault = this.decide(seen) ?? this.faults.shift() ?? this.fault;
    switch (fault.kind) {
      case 'none':
        answer(null, this.#issued(seen, this.#keyOf(seen)));
        return;
      case 'reject':
        answer({
          ...{ code: fault.code, details: fault.details ?? 'fault of the test' },
          metadata: metadataOf(fault.trailers ?? {}),
        });
        return;
      case 'hang':
        return;
      case 'elements':
        answer(null, encoded(fault.elements));
        return;
      case 'wrong-key':
        answer(null, this.#issued(seen, TestCa.root().keys));
        return;
      case 'issues':
        answer(null, this.#issued(seen, this.#keyOf(seen), fault));
        return;
      case 'garbage-bytes':
        answer(null, Buffer.from([0x0a, 0xff]));
        return;
      case 'slow':
        setTimeout(() => answer(null, this.#issued(seen, this.#keyOf(seen))), fault.delayMs);
        return;
      default:
        fault satisfies never;
    }
  }

  #keyOf({ csr }: SeenCall): Parameters<TestCa['leaf']>[0] {
    return this.checksCsrs ? { csrPem: csr } : { publicKey: p256KeyIn(csr) };
  }

  #issued(seen: SeenCall, key: Parameters<TestCa['leaf']>[0], changes: Changes = {}): Buffer {
    const { leaf: shape, signer = this.intermediate, roots = String(this.rootPem) } = changes;
    const { lifeMs = (seen.validitySeconds || 86_400) * 1000 } = changes;
    const leaf = signer.leaf(key, {
      uris: [this.identityOf(seen.authorization)],
      notBeforeMs: Date.now() - 120_000,
      notAfterMs: Date.now() + lifeMs,
      ...shape,
    });
    return encoded([...[leaf, signer.certificatePem].map(String), roots]);
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }
}

/** grpc-js knows only servers that want a client certificate and those that ask for none. */
function tlsCredentials(pair: KeyCertPair, clients: FakeCaOptions['clients']): ServerCredentials {
  const ca = clients?.ca.certificatePem ?? null;
  const credentials = ServerCredentials.createSsl(ca, [pair], clients !== undefined);
  const { isRequired = true } = clients ?? {};
  const asked = { ...credentials._getConstructorOptions(), rejectUnauthorized: isRequired };
  return Object.assign(credentials, { _getConstructorOptions: () => asked });
}

function seenCall(call: Call): SeenCall {
  const { csr, validityDuration, metadata } = IstioCertificateRequest.decode(call.request);
  return {
    authorization: values(call.metadata, 'authorization').join(', '),
    clientSerial: call.getAuthContext()?.sslPeerCertificate?.serialNumber,
    clusterId: values(call.metadata, 'clusterid'),
    headers: call.metadata.getMap(),
    csr,
    validitySeconds: Number(validityDuration),
    certSigner: metadata?.fields?.CertSigner?.stringValue,
    peer: call.getPeer(),
  };
}

function metadataOf(fields: Readonly<Record<string, string | Buffer>>): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(fields)) metadata.set(name, value);
  return metadata;
}

function values(metadata: Metadata, key: string): string[] {
  return metadata.get(key).map(String);
}

function encoded(certChain: readonly string[]): Buffer {
  return Buffer.from(IstioCertificateResponse.encode({ certChain: [...certChain] }).finish());
}
