import { writeFileSync } from 'node:fs';
import t from 'tap';
import { CancelSource } from '../../../src/cancellation/index.js';
import { CONFIG_MAPS } from '../../../src/kubernetes/api/index.js';
import { MetricRegistry, prometheusText } from '../../../src/telemetry/index.js';
import { rejectionCode } from '../../hotpath/pki.js';
import { configMap, FakeApiServer, json, listOf, refuse } from '../../support/fake-api-server.js';
import { TestCa } from '../../support/test-ca.js';

const place = { namespace: 'foo', name: 'one' };

t.test('a request has the credentials and the name of its sender, and keeps its connection', async (t) => {
  const server = await FakeApiServer.start(t, (_, response) => json(response, configMap('one', '7', { a: '1' })));
  const client = server.client();
  t.strictSame((await client.get(CONFIG_MAPS, place)).data, { a: '1' });
  await client.get(CONFIG_MAPS, place);
  const { method, url, headers } = server.first;
  t.equal(`${method} ${url.pathname}`, 'GET /api/v1/namespaces/foo/configmaps/one');
  t.match(headers, { authorization: 'Bearer token-1', accept: /^application\/json,/, 'user-agent': 'sidecert/test' });
  t.equal(server.connections, 1);
});

t.test('what is applied is named, and taken over from other managers', async (t) => {
  const server = await FakeApiServer.start(t, (_, response) => json(response, configMap('one', '7')));
  await server.client().patch('apply', CONFIG_MAPS, place, { metadata: { labels: { a: 'b' } }, data: { k: 'v' } });
  const { method, url, headers, body } = server.first;
  t.equal(method, 'PATCH');
  t.equal(url.search, '?fieldManager=sidecert-test&force=true');
  t.equal(headers['content-type'], 'application/apply-patch+yaml');
  t.strictSame(JSON.parse(body), {
    ...{ apiVersion: 'v1', kind: 'ConfigMap' },
    metadata: { labels: { a: 'b' }, name: 'one', namespace: 'foo' },
    data: { k: 'v' },
  });
});

const refusals = [
  { code: 400, reason: 'BadRequest', want: 'ERR_KUBERNETES_REJECTED' },
  { code: 401, reason: 'Unauthorized', want: 'ERR_KUBERNETES_REFUSED' },
  { code: 403, reason: 'Forbidden', want: 'ERR_KUBERNETES_REFUSED' },
  { code: 404, reason: 'NotFound', want: 'ERR_KUBERNETES_NOT_FOUND' },
  { code: 409, reason: 'AlreadyExists', want: 'ERR_KUBERNETES_CONFLICT' },
  { code: 410, reason: 'Expired', want: 'ERR_KUBERNETES_EXPIRED' },
  { code: 422, reason: 'Invalid', want: 'ERR_KUBERNETES_REJECTED' },
  { code: 500, reason: 'InternalError', want: 'ERR_KUBERNETES_UNAVAILABLE' },
  { code: 504, reason: 'Timeout', want: 'ERR_KUBERNETES_UNAVAILABLE' },
] as const;

for (const { code, reason, want } of refusals) {
  t.test(`${code} is ${want}, with all that the server says`, async (t) => {
    const server = await FakeApiServer.start(t, (_, response) => refuse(response, code, reason, 'because\n"so"'));
    await t.rejects(server.client().get(CONFIG_MAPS, place), {
      code: want,
      message: new RegExp(`^get configmaps foo/one: got ${code} ${reason} "because \\\\"so\\\\"", expected `),
    });
    t.equal(server.requests.length, 1, 'and is not asked again');
  });
}

t.test('an answer that is no Status is quoted, without tokens', async (t) => {
  const text = `<html>bad gateway eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln</html>${'x'.repeat(2000)}`;
  const server = await FakeApiServer.start(t, (_, response) => response.writeHead(502).end(text));
  const failure = server.client().get(CONFIG_MAPS, place);
  await t.rejects(failure, { message: /got 502 "<html>bad gateway \[redacted token\]<\/html>x+…?"/ });
  await failure.catch(({ message }) => t.ok(message.length < 600, 'and of bounded length'));
});

t.test('a server that has too much to do is asked again when it says', async (t) => {
  let left = 2;
  const server = await FakeApiServer.start(t, (_, response) => {
    if (left-- > 0) refuse(response, 429, 'TooManyRequests', 'later', { 'retry-after': '7' });
    else json(response, configMap('one', '7'));
  });
  const delays: number[] = [];
  const after = (delayMs: number, fire: () => void): (() => void) => {
    if (delayMs === 10_000) return () => {};
    delays.push(delayMs);
    setImmediate(fire);
    return () => {};
  };
  const client = server.client({ clock: { now: Date.now, after } });
  t.equal((await client.get(CONFIG_MAPS, place)).metadata.name, 'one');
  t.strictSame(delays, [7000, 7000]);
  left = 100;
  await t.rejects(client.get(CONFIG_MAPS, place), { code: 'ERR_KUBERNETES_OVERLOADED', retryAfterMs: 7000 });
  t.equal(server.requests.length, 3 + 4, 'and in the end not any more');
});

t.test('a token that was refused is read again, and another one tried', async (t) => {
  const server = await FakeApiServer.start(t, ({ headers }, response) => {
    if (headers.authorization === 'Bearer token-2') json(response, configMap('one', '7'));
    else refuse(response, 401, 'Unauthorized');
  });
  // A clock that stands still: without the refusal the file would not be looked at.
  const client = server.client({ now: () => 0 });
  await t.rejects(client.get(CONFIG_MAPS, place), { code: 'ERR_KUBERNETES_REFUSED' });
  t.equal(server.requests.length, 1, 'the same token is not tried again');
  writeFileSync(server.tokenFile, 'token-2\n');
  t.equal((await client.get(CONFIG_MAPS, place)).metadata.name, 'one');
  t.strictSame(
    server.requests.map(({ headers }) => headers.authorization),
    ['Bearer token-1', 'Bearer token-1', 'Bearer token-2'],
  );
  t.notMatch(server.logger.text, 'token-');
});

t.test('a token file that is away for a moment does not replace the last token', async (t) => {
  const server = await FakeApiServer.start(t, (_, response) => json(response, configMap('one', '7')));
  let nowMs = 0;
  const client = server.client({ now: () => nowMs });
  await client.get(CONFIG_MAPS, place);
  writeFileSync(server.tokenFile, Buffer.alloc(2 * 1024 * 1024));
  nowMs += 60_000;
  await client.get(CONFIG_MAPS, place);
  t.equal(server.requests[1]?.headers.authorization, 'Bearer token-1');
  t.match(server.logger.lines, [
    { message: 'file cannot be read again, its last content stays in use', fields: { path: server.tokenFile } },
  ]);
});

t.test('a server that does not answer is given up after the time limit', async (t) => {
  const server = await FakeApiServer.start(t, () => {});
  await t.rejects(server.client({ timeoutMs: 20 }).get(CONFIG_MAPS, place), {
    code: 'ERR_KUBERNETES_UNAVAILABLE',
    message: /^get configmaps foo\/one: API server 127.0.0.1:\d+: no answer within 20 ms$/,
  });
});

t.test('a body that does not come to its end is given up after the time limit', async (t) => {
  const server = await FakeApiServer.start(t, (_, response) => void response.writeHead(200).write('{"metadata":'));
  await t.rejects(server.client({ timeoutMs: 20 }).get(CONFIG_MAPS, place), { message: /no answer within 20 ms/ });
});

t.test('half an answer is none', async (t) => {
  const server = await FakeApiServer.start(t, (_, response) => {
    response.writeHead(200, { 'content-length': '1000' }).write('{"metadata":{');
    setImmediate(() => response.destroy());
  });
  t.equal(await rejectionCode(server.client().get(CONFIG_MAPS, place)), 'ERR_KUBERNETES_UNAVAILABLE');
});

for (const body of [
  '{"metadata":{"name":"one"',
  '[]',
  '"text"',
  'null',
  '{}',
  '{"metadata":{}}',
  '{"metadata":[]}',
  '',
]) {
  t.test(`the answer ${JSON.stringify(body)} is no object`, async (t) => {
    const server = await FakeApiServer.start(t, (_, response) => response.end(body));
    t.equal(await rejectionCode(server.client().get(CONFIG_MAPS, place)), 'ERR_KUBERNETES_RESPONSE_INVALID');
  });
}

t.test('an answer without end is given up at its bound', async (t) => {
  let sentBytes = 0;
  const server = await FakeApiServer.start(t, (_, response) => {
    const chunk = Buffer.alloc(64 * 1024, ' ');
    const more = (): void => {
      if (response.destroyed || response.socket?.destroyed === true) return;
      sentBytes += chunk.length;
      response.write(chunk, () => setImmediate(more));
    };
    more();
  });
  await t.rejects(server.client().get(CONFIG_MAPS, place), {
    code: 'ERR_KUBERNETES_RESPONSE_INVALID',
    message: 'get configmaps foo/one: got more than 4194304 bytes, expected no more',
  });
  t.ok(sentBytes < 64 * 1024 * 1024);
});

t.test('a request is cancelled by its signal', async (t) => {
  const stop = new CancelSource();
  const server = await FakeApiServer.start(t, () => stop.cancel());
  t.equal(await rejectionCode(server.client().get(CONFIG_MAPS, place, { signal: stop })), 'ERR_CANCELLED');
  t.equal(await rejectionCode(server.client().get(CONFIG_MAPS, place, { signal: stop })), 'ERR_CANCELLED');
  t.equal(server.requests.length, 1);
});

t.test('a connection that ended while it rested is replaced', async (t) => {
  const server = await FakeApiServer.start(t, (_, response) => json(response, configMap('one', '7')));
  const client = server.client();
  await client.get(CONFIG_MAPS, place);
  server.answer = (_, response) => {
    // As if it had ended just before the request came.
    server.answer = (_, response) => json(response, configMap('one', '8'));
    response.socket?.destroy();
  };
  t.equal((await client.get(CONFIG_MAPS, place)).metadata.resourceVersion, '8');
  t.equal(server.connections, 2);
});

t.test('a server whose certificate does not verify gets no token', async (t) => {
  const server = await FakeApiServer.start(t, (_, response) => json(response, {}));
  const ca = { kind: 'inline', content: TestCa.root('another root').certificatePem } as const;
  const client = server.client({ access: { ...server.access, ca } });
  await t.rejects(client.get(CONFIG_MAPS, place), {
    code: 'ERR_KUBERNETES_UNTRUSTED',
    message: /^get configmaps foo\/one: API server 127.0.0.1:\d+: unable to get local issuer/,
  });
  const named = server.client({ access: { ...server.access, serverName: 'kubernetes.default.svc' } });
  t.equal(await rejectionCode(named.get(CONFIG_MAPS, place)), 'ERR_KUBERNETES_UNTRUSTED');
  t.equal(server.requests.length, 0);
});

t.test('a server that is away is ERR_KUBERNETES_UNAVAILABLE', async (t) => {
  const server = await FakeApiServer.start(t, () => {});
  const client = server.client({ access: { ...server.access, url: new URL('https://127.0.0.1:1') } });
  await t.rejects(client.get(CONFIG_MAPS, place), {
    code: 'ERR_KUBERNETES_UNAVAILABLE',
    message: /^get configmaps foo\/one: API server 127.0.0.1:1: connect ECONNREFUSED/,
  });
});

t.test('a list is read page by page, and from its beginning when a page has expired', async (t) => {
  let hasExpired = false;
  const server = await FakeApiServer.start(t, ({ url }, response) => {
    const at = url.searchParams.get('continue');
    if (at === null) json(response, listOf([configMap(hasExpired ? 'new' : 'old', '1')], '5', 'second'));
    else if (hasExpired) json(response, listOf([configMap('two', '2')], '5'));
    else {
      hasExpired = true;
      refuse(response, 410, 'Expired');
    }
  });
  const { items, resourceVersion } = await server.client().list(CONFIG_MAPS, { labelSelector: 'a=b' });
  t.strictSame(
    items.map(({ metadata }) => metadata.name),
    ['new', 'two'],
  );
  t.equal(resourceVersion, '5');
  t.equal(server.requests[0]?.url.pathname, '/api/v1/configmaps');
  t.equal(server.requests[0]?.url.searchParams.get('labelSelector'), 'a=b');
});

t.test('requests are counted by verb and end', async (t) => {
  const server = await FakeApiServer.start(t, (_, response) => refuse(response, 404, 'NotFound'));
  const metrics = new MetricRegistry();
  await rejectionCode(server.client({ metrics }).get(CONFIG_MAPS, place));
  t.match(
    prometheusText(metrics.series()),
    /sidecert_kubernetes_request_seconds_count\{code="ERR_KUBERNETES_NOT_FOUND",verb="get"\} 1|sidecert_kubernetes_request_seconds_count\{verb="get",code="ERR_KUBERNETES_NOT_FOUND"\} 1/,
  );
});
