import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { freePorts } from '../../src/demo/free-ports.js';
import { createKeepAliveServer } from '../../src/demo/keep-alive-server.js';
import { startHttpbin } from '../../src/demo/kubernetes/http-app.js';
import { HttpClient } from '../../src/demo/kubernetes/http-client.js';
import { Written } from '../support/written.js';

const cases = [
  { path: '/ip', status: 200, body: /"origin": "127\.0\.0\.1"/ },
  { path: '/headers', status: 200, body: /"host": "httpbin\.foo"/ },
  { path: '/status/418', status: 418, body: /^$/ },
  { path: '/status/99', status: 404, body: /^$/ },
  { path: '/elsewhere', status: 404, body: /^$/ },
] as const;

t.test('httpbin answers the paths that the demo needs', async (t) => {
  const [port = 0] = await freePorts(1);
  const app = await startHttpbin(port);
  const client = new HttpClient(port);
  t.teardown(async () => {
    client.close();
    await app.close();
  });
  for (const { path, status, body } of cases) {
    const answer = await client.get('httpbin.foo', path);
    t.equal(answer.status, status, path);
    t.match(answer.body, body, path);
  }
});

t.test('a request that nobody answers is an error', async (t) => {
  const [port = 0] = await freePorts(1);
  const client = new HttpClient(port);
  t.teardown(() => client.close());
  await t.rejects(client.get('httpbin.foo', '/ip'), { code: 'ECONNREFUSED' });
});

t.test('a port is given out once, also by two processes at the same time', async (t) => {
  const others = `const { freePorts } = await import(process.argv[1]);
    console.log(JSON.stringify(await freePorts(200)));
    setInterval(() => {}, 1e6);`;
  const module = new URL('../../src/demo/free-ports.js', import.meta.url).href;
  const child = spawn(process.execPath, ['--input-type=module', '-e', others, module]);
  t.teardown(() => child.kill());
  const [theirs, ours, more] = await Promise.all([
    new Written(child.stdout, 'the other process').line('['),
    freePorts(200),
    freePorts(200),
  ]);
  const ports = [...ours, ...more, ...(theirs.match(/\d+/g) ?? []).map(Number)];
  t.equal(ports.length, new Set(ports).size);
  t.ok(ports.length === 600);
});

/** After which a server of Node.js has closed a connection: five seconds, and one more. */
const NODE_CLOSES_MS = 6200;

t.test('a connection is not closed under the request that comes after a pause', async (t) => {
  const server = createKeepAliveServer((_incoming, answer) => answer.end('here'));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => {
    agent.destroy();
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  const ask = async (): Promise<boolean> => {
    const request = get({ host: '127.0.0.1', port, agent });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    await once(response.resume(), 'end');
    return request.reusedSocket;
  };
  t.notOk(await ask());
  await sleep(NODE_CLOSES_MS);
  t.ok(await ask());
});
