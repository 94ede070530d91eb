import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { CancelSource } from '../../../cancellation/index.js';
import { status, toStatusObject } from '../../../net/grpc/index.js';
import type { Logger } from '../../../telemetry/index.js';
import { octetsOfNames } from '../held-octets.js';
import { MAX_REQUEST_BYTES } from '../request-codec.js';
import { versionOf } from '../response-encoder.js';
import { type After, SecretFetcher } from '../secret-fetcher.js';
import type { SecretSource, StreamCaller } from '../secret-source.js';
import type { NamedSecret } from '../sending.js';
import { ServedContents } from '../served-contents.js';
import { parsePoll, writeDiscoveryResponse } from './rest-codec.js';

export interface RestHandlerOptions {
  readonly source: SecretSource;
  /** `bundles`: only what is public. `keys`: private keys, too, to every process that can connect. */
  readonly serves: 'bundles' | 'keys';
  readonly logger: Logger;
  readonly controlPlaneIdentifier: string;
  /** Which connection a request came by, for logs and for turns. */
  readonly connectionOf: (request: IncomingMessage) => number;
  readonly after?: After;
  /** Counts octets more that are kept for the sender of the request, or fewer. False when that is too much. */
  readonly keep?: (request: IncomingMessage, octets: number) => boolean;
}

/** Where Envoy polls for secrets. (envoy.service.secret.v3, `google.api.http`) */
const PATH = '/v3/discovery:secrets';

/** What Node.js takes for a request, and for each part of its body, besides their octets. */
const HEAD_OVERHEAD_BYTES = 4096;
const PART_OVERHEAD_BYTES = 128;

/** Why there is nothing to send: the caller may not have it, or has it. */
type Refusal = 'forbidden' | 'known';

/** A body that is not read to its end. */
class BodyRefusal extends Error {
  override readonly name = 'BodyRefusal';

  constructor(
    /** Of HTTP. */
    readonly code: 413 | 429,
    message: string,
  ) {
    super(message);
  }
}

/** What one request makes us keep, as the ledger knows it. */
class KeptOctets {
  private octets = 0;

  constructor(private readonly change: (octets: number) => boolean) {}

  /** So many are kept from now on. False when that is too much; it is counted all the same. */
  become(octets: number): boolean {
    const change = octets - this.octets;
    this.octets = octets;
    return this.change(change);
  }
}

/** What HTTP calls a status of gRPC; whatever is not here is our own fault. (google.rpc.Code) */
const HTTP_STATUS: Readonly<Partial<Record<status, number>>> = {
  [status.INVALID_ARGUMENT]: 400,
  [status.UNAUTHENTICATED]: 401,
  [status.PERMISSION_DENIED]: 403,
  [status.NOT_FOUND]: 404,
  [status.RESOURCE_EXHAUSTED]: 429,
  [status.UNAVAILABLE]: 503,
  [status.DEADLINE_EXCEEDED]: 504,
};

/**
 * The REST form of SDS, `POST /v3/discovery:secrets` with ProtoJSON both ways, as a listener of a `node:http` server.
 */
export function restHandler(options: RestHandlerOptions): RequestListener {
  const { source, serves, logger, controlPlaneIdentifier, connectionOf, after } = options;
  const { keep = () => true } = options;
  const contents = new ServedContents(logger);
  const fetcher = new SecretFetcher({ source, contents, ...(after !== undefined && { after }) });

  const poll = async (request: IncomingMessage, response: ServerResponse, kept: KeptOctets): Promise<void> => {
    const { names, version } = parsePoll(await readBody(request, kept));
    kept.become(octetsOfHead(request) + octetsOfNames(names));
    const gone = new CancelSource();
    response.once('close', () => gone.cancel());
    const caller = { authorization: authorizationOf(request), connection: connectionOf(request) };
    const json = await fetcher.fetch({ names, caller, signal: gone }, (secrets): Buffer | Refusal => {
      const allowed = serves === 'keys' ? secrets : secrets.filter(isBundle);
      if (allowed.length === 0) return 'forbidden';
      return version === versionOf(allowed) ? 'known' : writeDiscoveryResponse(allowed, controlPlaneIdentifier);
    });
    if (json === 'forbidden') refuse(response, 403, 'only trust bundles are served here');
    else if (json === 'known') response.writeHead(304).end();
    else if (kept.become(octetsOfHead(request) + json.length)) send(response, json);
    else json.fill(0);
  };

  return (request, response) => {
    if (request.url !== PATH) return refuse(response, 404, `path: expected ${PATH}`);
    if (request.method !== 'POST') return refuse(response.setHeader('allow', 'POST'), 405, 'method: expected POST');
    const kept = new KeptOctets((octets) => keep(request, octets));
    // Until the answer has been read.
    response.once('close', () => kept.become(0));
    poll(request, response, kept).catch((error: unknown) => {
      if (error instanceof BodyRefusal) {
        refuse(response, error.code, error.message);
        return;
      }
      const { code, details } = toStatusObject(error);
      refuse(response, HTTP_STATUS[code] ?? 500, details);
    });
  };
}

function isBundle({ content }: NamedSecret): boolean {
  return content.kind === 'validation-context';
}

/**
 * All of a body. @throws BodyRefusal: it is too large, or there is no room for it; then the rest stays unread, and the
 * connection ends with the answer. That it ends is the server's to see to.
 */
async function readBody(request: IncomingMessage, kept: KeptOctets): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  let octets = octetsOfHead(request);
  for await (const part of request.iterator({ destroyOnReturn: false })) {
    length += part.length;
    octets += part.length + PART_OVERHEAD_BYTES;
    if (length > MAX_REQUEST_BYTES) throw new BodyRefusal(413, `body: got more than ${MAX_REQUEST_BYTES} bytes`);
    if (!kept.become(octets)) throw new BodyRefusal(429, 'body: got more to keep than there is room for');
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function octetsOfHead({ rawHeaders }: IncomingMessage): number {
  return rawHeaders.reduce((octets, text) => octets + text.length, HEAD_OVERHEAD_BYTES);
}

/** All values, of which Node's object of headers has the first only. */
function authorizationOf({ rawHeaders }: IncomingMessage): StreamCaller['authorization'] {
  return rawHeaders.filter((_value, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === 'authorization');
}

function send(response: ServerResponse, json: Buffer): void {
  response.once('close', () => json.fill(0));
  response.writeHead(200, {
    'content-type': 'application/json',
    'content-length': json.length,
    'cache-control': 'no-store',
  });
  response.end(json);
}

function refuse(response: ServerResponse, code: number, message: string): void {
  if (response.headersSent || response.destroyed) return;
  // Whatever of the request is still to come is not read.
  if (code === 413 || code === 429) response.setHeader('connection', 'close');
  const body = Buffer.from(JSON.stringify({ message }));
  response.writeHead(code, { 'content-type': 'application/json', 'content-length': body.length });
  response.end(body);
}
