import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { createServer, type ServerOptions } from 'node:https';
import t, { type Test } from 'tap';
import { type EndpointProfile, fetchBundle } from '../../../src/agent/federation/index.js';
import { CancelSource } from '../../../src/cancellation/index.js';
import { readHttpsDocument } from '../../../src/net/transport/index.js';
import { TrustBundle } from '../../../src/pki/spiffe/index.js';
import { ecKeys } from '../../hotpath/pki.js';
import { TestCa } from '../../support/test-ca.js';

const ca = TestCa.root();
const roots = TrustBundle.parsePem(ca.certificatePem);
const web: EndpointProfile = { kind: 'https_web', roots };
const ID = 'spiffe://other.example/bundles';
const spiffe: EndpointProfile = { kind: 'https_spiffe', spiffeId: ID, roots };
const UNTRUSTED = 'ERR_BUNDLE_ENDPOINT_UNTRUSTED';
const UNAVAILABLE = 'ERR_BUNDLE_ENDPOINT_UNAVAILABLE';

/** A leaf of `issuer` with these names. */
function shown(issuer: TestCa, names: { uris?: string[]; dnsNames?: string[] }): ServerOptions {
  const keys = ecKeys();
  const cert = issuer.leaf(keys, names);
  return { cert, key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }) };
}

const webServer = shown(ca, { dnsNames: ['localhost'] });
const svid = shown(ca, { uris: [ID] });

async function endpoint(t: Test, options: ServerOptions, answer: RequestListener, host = 'localhost'): Promise<URL> {
  const server = createServer(options, answer);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return new URL(`https://${host}:${Object(server.address()).port}/bundle`);
}

const signal = new CancelSource();
const readDocument = readHttpsDocument;
const hello: RequestListener = (_request, response) => void response.end('{}');

t.test('the body of the answer is fetched from a server of the web, and from one with an SVID', async (t) => {
  t.equal(String(await fetchBundle(await endpoint(t, webServer, hello), { profile: web, readDocument, signal })), '{}');
  const url = await endpoint(t, svid, hello, '127.0.0.1');
  t.equal(
    String(await fetchBundle(url, { profile: spiffe, readDocument, signal })),
    '{}',
    'whatever its host is called',
  );
});

const untrusted: { name: string; server: ServerOptions; profile: EndpointProfile; host?: string; message: RegExp }[] = [
  {
    name: 'of another root',
    server: shown(TestCa.root(), { dnsNames: ['localhost'] }),
    profile: web,
    message: /refused/,
  },
  { name: 'for another host', server: webServer, profile: web, host: '127.0.0.1', message: /altnames|127\.0\.0\.1/ },
  { name: 'of the web, where an SVID is expected', server: webServer, profile: spiffe, message: /got the URIs \[\]/ },
  {
    ...{ name: 'of another SPIFFE ID', server: shown(ca, { uris: ['spiffe://other.example/other'] }), profile: spiffe },
    message: /expected spiffe:\/\/other.example\/bundles alone/,
  },
  {
    ...{ name: 'of two SPIFFE IDs', server: shown(ca, { uris: [ID, 'spiffe://other.example/a'] }), profile: spiffe },
    message: /alone/,
  },
  {
    name: 'of another root with the SPIFFE ID',
    server: shown(TestCa.root(), { uris: [ID] }),
    profile: spiffe,
    message: /refused/,
  },
  {
    name: 'that is not looked at without roots',
    server: svid,
    profile: { ...spiffe, roots: undefined },
    message: /no trust bundle is known/,
  },
];

for (const { name, server, profile, host, message } of untrusted) {
  t.test(`a server with a certificate ${name} is refused`, async (t) => {
    let asked = 0;
    const url = await endpoint(
      t,
      server,
      (_request, response) => {
        asked += 1;
        response.end('{}');
      },
      host,
    );
    await t.rejects(fetchBundle(url, { profile, readDocument, signal }), { code: UNTRUSTED, message });
    t.equal(asked, 0, 'nothing was asked');
  });
}

const bad: { name: string; answer: RequestListener; message: RegExp; timeoutMs?: number }[] = [
  {
    name: 'redirects',
    answer: (_request, response) => void response.writeHead(302, { location: 'https://localhost/' }).end(),
    message: /status 302, a redirect/,
  },
  { name: 'has no such page', answer: (_request, response) => void response.writeHead(404).end('{}'), message: /404/ },
  { name: 'never answers', answer: () => {}, message: /no whole answer within 500 ms/, timeoutMs: 500 },
  {
    name: 'never ends its answer',
    answer: (_request, response) => void response.write('{'),
    message: /no whole answer within 500 ms/,
    timeoutMs: 500,
  },
  {
    name: 'sends without end',
    answer: (_request, response) => {
      const more = (): void => {
        while (response.write(Buffer.alloc(65_536, ' ')));
      };
      response.on('drain', more);
      more();
    },
    message: /more than 1048576 bytes/,
  },
  { name: 'hangs up', answer: (request) => void request.socket.destroy(), message: /socket hang up/ },
  {
    name: 'hangs up in the middle',
    answer(request, response) {
      response.writeHead(200, { 'content-length': 100 });
      response.write('{', () => request.socket.destroy());
    },
    message: /aborted/,
  },
];

for (const { name, answer, message, timeoutMs = 20_000 } of bad) {
  t.test(`a server that ${name} is unavailable`, async (t) => {
    const url = await endpoint(t, webServer, answer);
    await t.rejects(fetchBundle(url, { profile: web, readDocument, signal, timeoutMs }), {
      code: UNAVAILABLE,
      message,
    });
  });
}

t.test('a server that is away is unavailable', async (t) => {
  const url = new URL('https://127.0.0.1:1/bundle');
  await t.rejects(fetchBundle(url, { profile: web, readDocument, signal }), {
    code: UNAVAILABLE,
    message: /ECONNREFUSED/,
  });
});

t.test('a fetch can be cancelled', async (t) => {
  const cancel = new CancelSource();
  const url = await endpoint(t, webServer, () => cancel.cancel());
  await t.rejects(fetchBundle(url, { profile: web, readDocument, signal: cancel }), { code: 'ERR_CANCELLED' });
  await t.rejects(fetchBundle(url, { profile: web, readDocument, signal: cancel }), { code: 'ERR_CANCELLED' });
});
