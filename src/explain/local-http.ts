import { type IncomingMessage, request } from 'node:http';
import { addressText } from '../text/index.js';

/** A server of this machine: nothing that is asked of it, and nothing of its answer, is encrypted. */
export type LocalTarget = { readonly host: string; readonly port: number } | { readonly socketPath: string };

export interface LocalAnswer {
  readonly status: number;
  readonly body: Buffer;
}

interface Asking {
  readonly method?: 'GET' | 'PUT';
  readonly timeoutMs: number;
  readonly maxBytes: number;
}

/**
 * One request without a body, a GET unless `method` says another. Rejects with what Node.js says, after `timeoutMs`
 * with an AbortError, and beyond `maxBytes`.
 */
export function askLocally(
  target: LocalTarget,
  path: string,
  { timeoutMs, maxBytes, method = 'GET' }: Asking,
): Promise<LocalAnswer> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeoutMs);
    // The name that a server on loopback lets itself be called by.
    const sent = request({ ...target, method, path, headers: { host: 'localhost' }, agent: false, signal });
    sent.on('error', reject);
    sent.on('response', (response: IncomingMessage) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('error', reject);
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > maxBytes) sent.destroy(new RangeError(`more than ${maxBytes} bytes`));
        else chunks.push(chunk);
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }));
    });
    sent.end();
  });
}

/** `host:port`, or the path. */
export function targetText(target: LocalTarget): string {
  return 'socketPath' in target ? target.socketPath : addressText(target);
}
