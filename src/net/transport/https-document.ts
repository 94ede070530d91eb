import type { IncomingMessage } from 'node:http';
import { type RequestOptions, request } from 'node:https';
import type { CancelSignal } from '../../cancellation/index.js';
import { TLS_PARAMETERS } from './tls-parameters.js';

export interface DocumentRequest {
  readonly url: URL;
  /** PEM roots for the server's certificate; left out, those that Node.js has. */
  readonly rootsPem?: Buffer | undefined;
  /** Why a certificate (DER) whose path is good is not the server's; left out, its host name is compared. */
  readonly whyNotServer?: ((der: Buffer) => string | undefined) | undefined;
  readonly signal?: CancelSignal;
  /** Until all of it is there. */
  readonly timeoutMs: number;
  readonly maxBytes: number;
}

/**
 * The body of a document by HTTPS, over a connection of its own. Follows no redirect: a URL in the settings means that
 * server. Rejects with an Error that says what came instead: another status, more bytes, no answer in time, that it was
 * cancelled, the reason of the system or of TLS.
 */
export function readHttpsDocument(wanted: DocumentRequest): Promise<Buffer> {
  const { url, rootsPem, whyNotServer, timeoutMs, maxBytes, signal } = wanted;
  const roots = rootsPem !== undefined && { ca: rootsPem, allowPartialTrustChain: true };
  const headers = { accept: 'application/json, */*;q=0.1' };
  const sent = request(url, { ...TLS_PARAMETERS, ...roots, ...identityCheck(whyNotServer), agent: false, headers });
  return new Promise<Buffer>((resolve, reject) => {
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      signal?.delete(stop);
      sent.destroy();
      settle();
    };
    const fail = (error: Error): void => end(() => reject(error));
    const stop = { cancel: () => fail(new Error('cancelled')) };
    const timer = setTimeout(() => fail(new Error(`no whole answer within ${timeoutMs} ms`)), timeoutMs);
    sent.on('error', fail);
    sent.once('response', (answer) => {
      const problem = problemOf(answer);
      if (problem !== undefined) fail(new Error(problem));
      else readBody(answer, maxBytes).then((body) => end(() => resolve(body)), fail);
    });
    signal?.add(stop);
    if (signal?.isCancelled === true) stop.cancel();
    else sent.end();
  });
}

function identityCheck(whyNotServer: DocumentRequest['whyNotServer']): RequestOptions {
  if (whyNotServer === undefined) return {};
  return {
    checkServerIdentity(_host, { raw }) {
      const why = whyNotServer(raw);
      return why === undefined ? undefined : new Error(why);
    },
  };
}

function problemOf({ statusCode = 0, headers }: IncomingMessage): string | undefined {
  if (statusCode === 200) return undefined;
  const isRedirect = statusCode >= 300 && statusCode < 400 && headers.location !== undefined;
  return `got status ${statusCode}${isRedirect ? ', a redirect, which is not followed' : ''}, expected 200`;
}

async function readBody(answer: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) throw new Error(`got more than ${maxBytes} bytes, expected no more`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
