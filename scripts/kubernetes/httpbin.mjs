// The parts of httpbin that the task and the probes of the samples ask for: /ip, /headers, /get, /status/CODE.
import { createServer } from 'node:http';

createServer((request, response) => {
  const status = /^\/status\/(\d{3})$/.exec(request.url)?.[1];
  const body = {
    '/ip': { origin: request.socket.remoteAddress },
    '/get': { url: request.url },
    '/headers': { headers: request.headers },
  }[request.url];
  response.writeHead(Number(status ?? (body ? 200 : 404)), { 'content-type': 'application/json' });
  response.end(body && `${JSON.stringify(body, undefined, 2)}\n`);
}).listen(Number(process.env.PORT ?? 80));
process.on('SIGTERM', () => process.exit());
