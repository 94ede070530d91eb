import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { TLS_PARAMETERS } from './tls-parameters.js';

export interface DocumentRequest {
  readonly url: URL;
  /** PEM roots for the server's certificate; left out, those that Node.js has. */
  readonly rootsPem?: Buffer | undefined;
  /** Until all of it is there. */
  readonly timeoutMs: number;
  readonly maxBytes: number;
}

/**
 * The body of a document by HTTPS, over a connection of its own. Follows no redirect: a URL in the settings means that
 * server. Rejects with an Error that says what came instead: another status, more bytes, no answer in time, the reason
 * of the system or of TLS.
 */
export function readHttpsDocument({ url, rootsPem, timeoutMs, maxBytes }: DocumentRequest): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const roots = rootsPem !== undefined && { ca: rootsPem, allowPartialTrustChain: true };
    const headers = { accept: 'application/json, */*;q=0.1' };
    const sent = request(url, { ...TLS_PARAMETERS, ...roots, agent: false, headers });
    const fail = (error: Error): void => {
      clearTimeout(timer);
      sent.destroy();
      reject(error);
    };
    const timer = setTimeout(() => fail(new Error(`no whole answer within ${timeoutMs} ms`)), timeoutMs);
    sent.on('error', fail);
    sent.once('response', (answer) => {
      const problem = problemOf(answer);
      if (problem !== undefined) fail(new Error(problem));
      else
        readBody(answer, maxBytes).then((body) => {
          clearTimeout(timer);
          resolve(body);
        }, fail);
    });
    sent.end();
  });
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
