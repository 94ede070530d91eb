import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import type { Test } from 'tap';
import { istio, sidecert } from '../../src/net/protobuf/index.js';
import { PATIENCE_MS } from './patience.js';
import { passThrough } from './raw-method.js';

const { IstioCertificateRequest, IstioCertificateResponse } = istio.v1.auth;
const { GetTrustBundleRequest, GetTrustBundleResponse } = sidecert.v1;

/** pilot-agent asks for this name when it dials an address. (reference: Istio 3.2, 1) */
export const SERVER_NAME = 'istiod.istio-system.svc';

/** What a caller sends; any part may be wrong. */
export interface CertificateCall {
  readonly token?: string;
  /** The `authorization` values as they are, in place of a token. */
  readonly authorization?: readonly string[];
  readonly metadata?: Readonly<Record<string, string>>;
  readonly csr?: string;
  readonly validitySeconds?: number;
  /** The request's bytes as they are, in place of a message. */
  readonly bytes?: Buffer;
  /** Aborting it cancels the call. */
  readonly signal?: AbortSignal;
}

/** What comes back: the elements of the answer, or a status. */
export interface CertificateAnswer {
  readonly code: status;
  readonly details: string;
  readonly elements: readonly string[];
}

interface CallerOptions {
  readonly address: string;
  readonly rootPem: Buffer;
  /** What it shows in its handshake; left out, nothing. */
  readonly client?: { readonly certPem: Buffer; readonly keyPem: Buffer };
}

/** A plain grpc-js client over TLS, as bare as can be. */
export class CitadelCaller {
  readonly #client: Client;

  constructor(t: Test, { address, rootPem, client }: CallerOptions) {
    const { keyPem = null, certPem = null } = client ?? {};
    this.#client = new Client(address, credentials.createSsl(rootPem, keyPem, certPem), {
      'grpc.ssl_target_name_override': SERVER_NAME,
      'grpc.use_local_subchannel_pool': 1,
    });
    t.teardown(() => this.#client.close());
  }

  /** One `GetTrustBundle`. Never rejects. */
  bundle(
    token: string,
    knownVersion = '',
    unacknowledged: string[] = [],
    lists: { takesRevocationLists?: boolean; knownListsVersion?: string } = {},
  ): Promise<BundleCallAnswer> {
    const headers = new Metadata();
    headers.add('authorization', `Bearer ${token}`);
    const bytes = Buffer.from(GetTrustBundleRequest.encode({ knownVersion, unacknowledged, ...lists }).finish());
    return new Promise((resolve) => {
      this.#client.makeUnaryRequest(
        '/sidecert.v1.TrustBundleService/GetTrustBundle',
        ...([passThrough, passThrough, bytes, headers, { deadline: Date.now() + PATIENCE_MS }] as const),
        (error: ServiceError | null, answer?: Buffer) => {
          const response = GetTrustBundleResponse.decode(answer ?? new Uint8Array());
          const { version, bundle, askAgainSeconds, listsVersion } = response;
          const lists = String(Buffer.from(response.revocationLists));
          const { code = status.OK, details = '' } = error ?? {};
          resolve({
            code,
            details,
            version,
            bundle: String(Buffer.from(bundle)),
            askAgainSeconds,
            listsVersion,
            lists,
          });
        },
      );
    });
  }

  /** One `CreateCertificate`. Never rejects. */
  call({
    token,
    authorization,
    metadata = {},
    csr = '',
    signal,
    ...call
  }: CertificateCall): Promise<CertificateAnswer> {
    const headers = new Metadata();
    for (const [key, value] of Object.entries(metadata)) headers.set(key, value);
    for (const value of authorization ?? (token === undefined ? [] : [`Bearer ${token}`])) {
      headers.add('authorization', value);
    }
    const validityDuration = call.validitySeconds ?? 0;
    const bytes = call.bytes ?? Buffer.from(IstioCertificateRequest.encode({ csr, validityDuration }).finish());
    return new Promise((resolve) => {
      const sent = this.#client.makeUnaryRequest(
        '/istio.v1.auth.IstioCertificateService/CreateCertificate',
        ...([passThrough, passThrough, bytes, headers, { deadline: Date.now() + PATIENCE_MS }] as const),
        (error: ServiceError | null, answer?: Buffer) => {
          if (error !== null) resolve({ code: error.code, details: error.details, elements: [] });
          else resolve({ code: status.OK, details: '', elements: elementsOf(answer) });
        },
      );
      signal?.addEventListener('abort', () => sent.cancel(), { once: true });
    });
  }
}

/** What comes of a call for the bundle alone. */
export interface BundleCallAnswer {
  readonly code: status;
  readonly details: string;
  readonly version: string;
  /** PEM. */
  readonly bundle: string;
  readonly askAgainSeconds: number;
  readonly listsVersion: string;
  /** PEM. */
  readonly lists: string;
}

function elementsOf(answer?: Buffer): string[] {
  return IstioCertificateResponse.decode(answer ?? new Uint8Array()).certChain;
}
