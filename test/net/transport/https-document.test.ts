import t from 'tap';
import { readHttpsDocument } from '../../../src/net/transport/index.js';
import { startIssuerServer } from '../../support/issuer-server.js';
import { TestCa } from '../../support/test-ca.js';

const limits = { timeoutMs: 10_000, maxBytes: 1000 };

t.test('a document is read over TLS', async (t) => {
  const { origin, rootsPem } = await startIssuerServer(t, (_request, response) => response.end('{}'));
  t.equal((await readHttpsDocument({ ...limits, url: new URL(`${origin}/keys?a=b`), rootsPem })).toString(), '{}');
});

const faults: { name: string; status: number; body: string; location?: string; says: RegExp }[] = [
  { name: 'another status', status: 404, body: '{}', says: /^got status 404, expected 200$/ },
  {
    ...{ name: 'a redirect', status: 302, location: 'https://elsewhere.example/', body: '' },
    says: /^got status 302, a redirect, which is not followed, expected 200$/,
  },
  { name: 'too large a body', status: 200, body: 'x'.repeat(1001), says: /^got more than 1000 bytes/ },
];
for (const { name, status, body, location, says } of faults) {
  t.test(`${name} is no document`, async (t) => {
    const { origin, rootsPem } = await startIssuerServer(t, (_request, response) => {
      response.writeHead(status, location === undefined ? {} : { location }).end(body);
    });
    await t.rejects(readHttpsDocument({ ...limits, url: new URL(origin), rootsPem }), { message: says });
  });
}

t.test('an answer that does not end is given up', async (t) => {
  const { origin, rootsPem } = await startIssuerServer(t, (_request, response) => {
    response.writeHead(200).write('{');
  });
  const request = { url: new URL(origin), rootsPem, timeoutMs: 200, maxBytes: 1000 };
  await t.rejects(readHttpsDocument(request), { message: 'no whole answer within 200 ms' });
});

t.test('a server of another root is not asked', async (t) => {
  const { origin, paths } = await startIssuerServer(t, (_request, response) => response.end('{}'));
  const rootsPem = TestCa.root('another').certificatePem;
  await t.rejects(readHttpsDocument({ ...limits, url: new URL(origin), rootsPem }));
  t.same(paths, []);
});

t.test('a server that is away is told by the reason of the system', async (t) => {
  const { origin, rootsPem, server } = await startIssuerServer(t, () => {});
  await new Promise((resolve) => server.close(resolve));
  await t.rejects(readHttpsDocument({ ...limits, url: new URL(origin), rootsPem }), { code: 'ECONNREFUSED' });
});
