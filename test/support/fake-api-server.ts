import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import type { Test } from 'tap';
import { ApiClient, type ApiClientOptions, type ServerAccess } from '../../src/kubernetes/api/index.js';
import { systemClock } from '../../src/timers/index.js';
import { RecordingLogger } from './recording-logger.js';
import { shortDir } from './short-dir.js';
import { TestCa } from './test-ca.js';

/** One request as the server saw it. */
export interface SeenRequest {
  readonly method: string;
  /** With the query. */
  readonly url: URL;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export type Answer = (request: SeenRequest, response: ServerResponse) => void;

/** Plays an API server over TLS, for what a real one cannot be made to do. */
export class FakeApiServer {
  readonly requests: SeenRequest[] = [];
  readonly logger = new RecordingLogger();
  private readonly sockets = new Set<Socket>();
  #connections = 0;

  private constructor(
    private readonly t: Test,
    readonly ca: TestCa,
    readonly tokenFile: string,
    readonly port: number,
  ) {}

  /** `answer` may be replaced by another one later, through `answer`. */
  static async start(t: Test, answer: Answer): Promise<FakeApiServer & { answer: Answer }> {
    const ca = TestCa.root();
    const { certPem, keyPem } = ca.server();
    const tokenFile = join(shortDir(t), 'token');
    writeFileSync(tokenFile, 'token-1\n');
    const http = createServer({ cert: certPem, key: keyPem }).listen(0, '127.0.0.1');
    await once(http, 'listening');
    const fake = new FakeApiServer(t, ca, tokenFile, (http.address() as AddressInfo).port);
    const whole = Object.assign(fake, { answer });
    http.on('secureConnection', (socket: Socket) => {
      fake.#connections += 1;
      fake.sockets.add(socket);
      socket.on('close', () => fake.sockets.delete(socket));
    });
    http.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const url = new URL(request.url ?? '', `https://127.0.0.1:${fake.port}`);
        const { method = '', headers } = request;
        const seen = { method, url, headers, body: Buffer.concat(chunks).toString() };
        fake.requests.push(seen);
        whole.answer(seen, response);
      });
    });
    t.teardown(async () => {
      fake.dropConnections();
      await once(http.close(), 'close');
    });
    return whole;
  }

  get url(): string {
    return `https://127.0.0.1:${this.port}`;
  }

  /** The first request. */
  get first(): SeenRequest {
    const [request] = this.requests;
    if (request === undefined) throw new Error('there was no request');
    return request;
  }

  /** How many have been opened so far. */
  get connections(): number {
    return this.#connections;
  }

  get access(): ServerAccess {
    return {
      url: new URL(this.url),
      serverName: undefined,
      ca: { kind: 'inline', content: this.ca.certificatePem },
      token: { kind: 'file', path: this.tokenFile },
      clientCertificate: undefined,
      namespace: 'istio-system',
    };
  }

  /** A client of it, closed with the test. */
  client(options: Partial<ApiClientOptions> = {}): ApiClient {
    const client = new ApiClient({
      ...{ access: this.access, logger: this.logger, now: Date.now, clock: systemClock, random: () => 0 },
      ...{ userAgent: 'sidecert/test', fieldManager: 'sidecert-test' },
      ...options,
    });
    this.t.teardown(() => client.close());
    return client;
  }

  dropConnections(): void {
    for (const socket of this.sockets) socket.destroy();
  }
}

/** Answers with an object. */
export function json(
  response: ServerResponse,
  value: unknown,
  status = 200,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
}

/** Answers as an API server does when it does not do what it was asked. */
export function refuse(
  response: ServerResponse,
  code: number,
  reason: string,
  message = '',
  headers: Record<string, string> = {},
): void {
  json(response, { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message }, code, headers);
}

export function configMap(name: string, resourceVersion: string, data: Record<string, string> = {}): object {
  return { metadata: { name, namespace: 'foo', uid: `uid-of-${name}`, resourceVersion }, data };
}

/** A page of a list. */
export function listOf(items: readonly object[], resourceVersion: string, more: string = ''): object {
  return { kind: 'List', metadata: { resourceVersion, ...(more !== '' && { continue: more }) }, items };
}
