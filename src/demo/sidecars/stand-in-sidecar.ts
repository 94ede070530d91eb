import { constants, X509Certificate } from 'node:crypto';
import { type IncomingMessage, type RequestOptions, request, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer, request as tlsRequest } from 'node:https';
import type { Socket } from 'node:net';
import type { PeerCertificate, TLSSocket } from 'node:tls';
import type { BootstrapConfig } from '../../config/index.js';
import { plainSerial } from '../../text/index.js';
import { createKeepAliveServer } from '../keep-alive-server.js';
import { until } from '../polling.js';
import { type HeldSecrets, SecretClient } from './secret-client.js';
import type { Sidecar, SidecarStatus } from './sidecar.js';

type Upstream = BootstrapConfig['upstreams'][number];

/**
 * Stands in where there is no Envoy: takes its secrets from the agent by SDS, speaks mutual TLS with them, checks the
 * peer's SPIFFE ID, and passes HTTP on. As thin as the demo allows; no proxy for anything else.
 */
export class StandInSidecar implements Sidecar {
  readonly #startedAtMs = Date.now();
  readonly #secretClient: SecretClient;
  readonly #servers: Server[] = [];
  /** Who is at the other end of each connection that has been let in, as the header says it. */
  readonly #callers = new WeakMap<Socket, string>();
  #inbound: TlsServer | undefined;
  #secrets: HeldSecrets | undefined;
  #refusedBySan = 0;

  constructor(
    readonly name: string,
    private readonly config: BootstrapConfig,
    readToken: (() => Promise<string>) | undefined,
  ) {
    this.#secretClient = new SecretClient({
      socketPath: config.socket,
      nodeId: name,
      readToken,
      onSecrets: (secrets) => this.#use(secrets),
    });
  }

  async ready(signal: AbortSignal): Promise<void> {
    await until(`${this.name}: first certificate`, signal, async () => this.#secrets);
  }

  async status(): Promise<SidecarStatus> {
    const serial = this.#secrets === undefined ? '' : new X509Certificate(this.#secrets.chainPem).serialNumber;
    return {
      pid: process.pid,
      uptimeSeconds: Math.floor((Date.now() - this.#startedAtMs) / 1000),
      serial: plainSerial(serial),
    };
  }

  async refusedBySan(): Promise<number> {
    return this.#refusedBySan;
  }

  async close(): Promise<void> {
    this.#secretClient.close();
    for (const server of this.#inbound === undefined ? this.#servers : [...this.#servers, this.#inbound]) {
      server.close();
      server.closeAllConnections();
    }
  }

  /** The first secrets open the listeners; later ones are for connections from now on, as in Envoy. */
  #use(secrets: HeldSecrets): void {
    const isFirst = this.#secrets === undefined;
    this.#secrets = secrets;
    if (!isFirst) this.#inbound?.setSecureContext(serverOptions(secrets));
    else this.#listen(secrets);
  }

  #listen(secrets: HeldSecrets): void {
    const { inbound, outbound } = this.config;
    if (inbound !== undefined) {
      const server = createTlsServer(
        { ...serverOptions(secrets), requestCert: true, rejectUnauthorized: true },
        (incoming, answer) => this.#passToApp(incoming, answer),
      );
      // Before Node's own listener, which may have a request at hand already.
      server.prependListener('secureConnection', (socket) => this.#admit(socket));
      this.#inbound = server.listen(inbound.port, inbound.host);
    }
    if (outbound !== undefined) {
      const server = createKeepAliveServer((incoming, answer) => this.#passToPeer(incoming, answer));
      this.#servers.push(server.listen(outbound.port, outbound.host));
    }
  }

  #admit(socket: TLSSocket): void {
    socket.on('error', () => {});
    const certificate = socket.getPeerCertificate();
    if (this.#isAllowed(uriSan(certificate))) {
      this.#callers.set(socket, clientCertHeader(certificate));
      return;
    }
    this.#refusedBySan += 1;
    socket.destroy();
  }

  #isAllowed(spiffeId: string): boolean {
    const { allow, trustDomain } = this.config;
    const matchers = allow.length > 0 ? allow : [{ kind: 'prefix', value: `spiffe://${trustDomain.name}/` } as const];
    return matchers.some(({ kind, value }) => (kind === 'exact' ? spiffeId === value : spiffeId.startsWith(value)));
  }

  #passToApp(incoming: IncomingMessage, answer: ServerResponse): void {
    const caller = this.#callers.get(incoming.socket);
    // A request that was read before its connection was refused.
    if (caller === undefined) return;
    const headers = { ...incoming.headers, 'x-forwarded-client-cert': caller };
    const { host, port } = this.config.app ?? { host: '127.0.0.1', port: 0 };
    pass(incoming, answer, { host, port, headers }, request);
  }

  #passToPeer(incoming: IncomingMessage, answer: ServerResponse): void {
    const upstream = this.config.upstreams.find(({ name }) => name === incoming.headers.host);
    if (upstream === undefined || this.#secrets === undefined) {
      answer.writeHead(upstream === undefined ? 404 : 503).end();
      return;
    }
    const tls = { ...tlsOptions(this.#secrets), servername: upstream.name, checkServerIdentity: exactly(upstream) };
    // A new connection for each request, so that each proves the newest certificates of both sides.
    const { host, port } = upstream.address;
    pass(incoming, answer, { host, port, headers: incoming.headers, agent: false, ...tls }, tlsRequest);
  }
}

function tlsOptions({ chainPem, keyPem, bundlePem }: HeldSecrets) {
  return { cert: chainPem, key: keyPem, ca: bundlePem, minVersion: 'TLSv1.2' } as const;
}

/**
 * As in Envoy's bootstrap no session is resumed: in one, a client whose certificate has expired would prove nothing.
 */
function serverOptions(secrets: HeldSecrets) {
  return { ...tlsOptions(secrets), secureOptions: constants.SSL_OP_NO_TICKET };
}

/** Sends a request on and its answer back; what goes wrong before the answer is a 503, as Envoy says it. */
function pass(
  incoming: IncomingMessage,
  answer: ServerResponse,
  target: RequestOptions,
  send: (options: RequestOptions, onAnswer: (response: IncomingMessage) => void) => ReturnType<typeof request>,
): void {
  const { method = 'GET', url = '/' } = incoming;
  const outgoing = send({ ...target, method, path: url }, (response) => {
    answer.writeHead(response.statusCode ?? 502, response.headers);
    response.pipe(answer);
  });
  outgoing.on('error', () => {
    if (answer.headersSent) answer.destroy();
    else answer.writeHead(503).end();
  });
  incoming.pipe(outgoing);
}

/** Node hands over the chain's verdict first; the name is ours to judge, by SPIFFE ID instead of by host. */
function exactly({ spiffeId }: Upstream): (host: string, certificate: PeerCertificate) => Error | undefined {
  return (_host, certificate) => {
    const found = uriSan(certificate);
    if (found === spiffeId.toString()) return undefined;
    return new Error(`peer's SPIFFE ID: got ${JSON.stringify(found)}, expected ${spiffeId}`);
  };
}

/** The one URI SAN of an SVID (X509-SVID §2); empty when there is none or another kind of name beside it. */
function uriSan({ subjectaltname = '' }: PeerCertificate): string {
  return /^URI:([^,\s]+)$/.exec(subjectaltname)?.[1] ?? '';
}

/** The form that Envoy writes: hash of the certificate, then its URI SAN. */
function clientCertHeader(certificate: PeerCertificate): string {
  return `Hash=${certificate.fingerprint256.replaceAll(':', '').toLowerCase()};URI=${uriSan(certificate)}`;
}
