import { createServer } from 'node:http';

/** A process of the demo with a status page of its own. */
export interface ShownProcess {
  readonly name: string;
  /** Undefined between a death and the restart. */
  readonly pid: number | undefined;
  readonly directory: string;
  /** Of its page. */
  readonly url: string;
}

/** Nothing is loaded, and nothing runs. */
const HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
};

/**
 * One page on loopback that leads to the status page of each process, as they are at the moment. On any port when
 * `port` is 0. The caller closes it.
 */
export async function startStatusIndex(
  port: number,
  processes: () => readonly ShownProcess[],
): Promise<{ readonly url: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    // No web page can read it by a name of its own.
    const isOwn = /^(127\.0\.0\.1|localhost)(:\d+)?$/.test(request.headers.host ?? '');
    if (!isOwn) response.writeHead(421, HEADERS).end();
    else if (request.url !== '/') response.writeHead(404, HEADERS).end();
    else response.writeHead(200, HEADERS).end(indexPage(processes()));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Pure. */
function indexPage(processes: readonly ShownProcess[]): string {
  const rows = processes.map(
    ({ name, pid, directory, url }) =>
      `<tr><th scope="row"><a href="${escaped(url)}">${escaped(name)}</a></th><td>${pid ?? 'starting again'}</td><td>${escaped(directory)}</td></tr>`,
  );
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>sidecert demo</title>',
    '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark"></head>',
    '<body><main><h1>sidecert demo</h1><table><caption>The status page of each process</caption>',
    '<thead><tr><th scope="col">Process</th><th scope="col">pid</th><th scope="col">Directory</th></tr></thead>',
    `<tbody>${rows.join('')}</tbody></table></main></body></html>\n`,
  ].join('\n');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
