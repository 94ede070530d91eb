import type { HttpClient } from '../kubernetes/http-client.js';
import { CheckFailed } from './checklist.js';

export interface MatrixClient {
  readonly name: string;
  readonly http: HttpClient;
}

/** Each client asks each server once; one line per pair. Resolves with how many answered 200. */
export async function requestMatrix(
  clients: readonly MatrixClient[],
  servers: readonly string[],
  line: (text: string) => void,
): Promise<string> {
  const statuses: number[] = [];
  for (const { name, http } of clients) {
    for (const server of servers) {
      const { status } = await http.get(server, '/ip');
      statuses.push(status);
      line(`${name} to ${server}: ${status}`);
    }
  }
  const good = statuses.filter((status) => status === 200).length;
  const evidence = `${good} of ${statuses.length} requests answered 200`;
  if (good !== statuses.length) throw new CheckFailed(evidence);
  return evidence;
}

/** Asks what certificate the server saw; resolves with its `X-Forwarded-Client-Cert`. */
export async function callerAsSeenBy(server: string, { http }: MatrixClient): Promise<string> {
  const { body, status } = await http.get(server, '/headers');
  if (status !== 200) throw new CheckFailed(`/headers of ${server} answered ${status}, expected 200`);
  const { headers } = JSON.parse(body);
  return String(headers['x-forwarded-client-cert'] ?? '');
}

/** The caller's SPIFFE ID must be the one that the server saw. */
export async function expectCaller(server: string, client: MatrixClient, spiffeId: string): Promise<string> {
  const header = await callerAsSeenBy(server, client);
  if (!header.split(';').includes(`URI=${spiffeId}`)) {
    throw new CheckFailed(`X-Forwarded-Client-Cert: got ${JSON.stringify(header)}, expected URI=${spiffeId}`);
  }
  return `X-Forwarded-Client-Cert: ${header}`;
}
