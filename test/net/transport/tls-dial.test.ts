import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import type { DialFailure } from '../../../src/net/transport/dial/dialling.js';
import type { DialNetwork } from '../../../src/net/transport/dial/peer-dialling.js';
import { dialTls } from '../../../src/net/transport/dial/tls-dial.js';
import { FakeClock } from '../../support/fake-clock.js';
import { TestCa } from '../../support/test-ca.js';

const ca = TestCa.root();
const { certPem: cert, keyPem: key } = ca.server({ dnsNames: ['ca.test'] });

async function listen<S extends Server>(t: Test, server: S, host: string, port = 0): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  await once(server.listen(port, host), 'listening');
  t.teardown(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return Object(server.address()).port;
}

/** An HTTP/2 server over TLS; tells the server name that its first client has sent, `false` for none. */
async function serveTls(t: Test, host = '127.0.0.1', credentials = { cert, key }) {
  const server = createTlsServer({ ...credentials, ALPNProtocols: ['h2'] }, (socket) => socket.on('error', () => {}));
  server.on('tlsClientError', () => {});
  const serverName = once(server, 'secureConnection').then(([socket]) => Object(socket).servername);
  return { serverName, port: await listen(t, server, host) };
}

/** Takes connections and says nothing: a proxy in front of a dead peer. */
async function serveSilence(t: Test, host: string, port = 0) {
  const server = createServer();
  const accepted = once(server, 'connection');
  return { accepted, port: await listen(t, server, host, port) };
}

/** A network where one name has these addresses, and time is the test's. */
function network(...addresses: string[]): DialNetwork & { readonly asked: string[]; readonly clock: FakeClock } {
  const clock = new FakeClock();
  const asked: string[] = [];
  return {
    ...{ clock, asked },
    after: (delayMs, fire) => clock.after(delayMs, fire),
    async lookup(host) {
      asked.push(host);
      return addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    },
  };
}

/** Dials; resolves with how it ended. */
function dial(
  t: Test,
  address: string,
  through: DialNetwork,
  rootPem = ca.certificatePem,
): Promise<TLSSocket | DialFailure> {
  return new Promise((resolve) => {
    const dialling = dialTls({ address, rootPem }, { onConnected: resolve, onFailed: resolve }, through);
    t.teardown(() => dialling.cancel());
  });
}

async function connected(t: Test, address: string, through: DialNetwork): Promise<TLSSocket> {
  const end = await dial(t, address, through);
  if ('reason' in end) throw new Error(end.reason);
  t.teardown(() => end.destroy());
  return end;
}

t.test('a last dot goes to the resolver, and neither into SNI nor into the check of the name', async (t) => {
  const { serverName, port } = await serveTls(t);
  const through = network('127.0.0.1');
  const socket = await connected(t, `ca.test.:${port}`, through);
  t.same(through.asked, ['ca.test.']);
  t.equal(socket.authorized, true);
  t.equal(await serverName, 'ca.test');
});

t.test('an address with a zone is dialled in its zone, and sends no server name', async (t) => {
  const { serverName, port } = await serveTls(t, '::1', { cert, key });
  const through = network();
  t.equal((await connected(t, `[::1%lo]:${port}`, through)).authorized, true);
  t.same(through.asked, []);
  t.equal(await serverName, false);
});

t.test('the root that a server must lead to may be an intermediate', async (t) => {
  const middle = ca.intermediate();
  const { certPem, keyPem } = middle.server({ dnsNames: ['ca.test'] });
  const { port } = await serveTls(t, '127.0.0.1', { cert: certPem, key: keyPem });
  const address = `ca.test:${port}`;
  t.notOk('reason' in (await dial(t, address, network('127.0.0.1'), middle.certificatePem)));
  t.ok(
    'reason' in (await dial(t, address, network('127.0.0.1'), ca.intermediate().certificatePem)),
    'but no other one',
  );
});

t.test('an address that refuses does not keep the next one waiting', async (t) => {
  const { port } = await serveTls(t, '127.0.0.1');
  const through = network('::1', '127.0.0.1');
  t.equal((await connected(t, `ca.test:${port}`, through)).remoteAddress, '127.0.0.1');
  t.equal(through.clock.armed, 0, 'no timer is left');
});

t.test('an address that takes the connection and says nothing gives way to the next one', async (t) => {
  const { port } = await serveTls(t, '127.0.0.1');
  const { accepted } = await serveSilence(t, '127.0.0.2', port);
  const through = network('127.0.0.2', '127.0.0.1');
  const socket = connected(t, `ca.test:${port}`, through);
  await accepted;
  // What this side knows of it: that it was reached, or not yet.
  through.clock.advance(2000);
  t.equal((await socket).remoteAddress, '127.0.0.1');
});

t.test('an address with a certificate of somebody else gives way, too', async (t) => {
  const { certPem, keyPem } = TestCa.root('another').server({ dnsNames: ['ca.test'] });
  const { port } = await serveTls(t, '127.0.0.1');
  const stranger = createTlsServer({ cert: certPem, key: keyPem, ALPNProtocols: ['h2'] }, (socket) =>
    socket.on('error', () => {}),
  );
  stranger.on('tlsClientError', () => {});
  await listen(t, stranger, '127.0.0.2', port);
  t.equal((await connected(t, `ca.test:${port}`, network('127.0.0.2', '127.0.0.1'))).remoteAddress, '127.0.0.1');
});

const unverified = [
  {
    name: 'of another root',
    credentials: TestCa.root().server({ dnsNames: ['ca.test'] }),
    says: /self-signed|signature|issuer/,
  },
  { name: 'for another name', credentials: ca.server({ dnsNames: ['other.test'] }), says: /altnames/ },
];
for (const { name, credentials, says } of unverified) {
  t.test(`a peer whose certificate is ${name} is told from one that is away`, async (t) => {
    const { certPem, keyPem } = credentials;
    const { port } = await serveTls(t, '127.0.0.1', { cert: certPem, key: keyPem });
    t.match(await dial(t, `ca.test:${port}`, network('127.0.0.1')), { isUnverified: true, reason: says });
    t.match(await dial(t, `ca.test:${port}`, network('127.0.0.2', '127.0.0.1')), { isUnverified: false });
  });
}

t.test('a name without addresses, and one that cannot be looked up, are failures', async (t) => {
  t.match(await dial(t, 'ca.test:1', network()), { isUnverified: false, reason: 'ca.test has no address' });
  const broken = { ...network(), lookup: () => Promise.reject(new Error('getaddrinfo ENOTFOUND ca.test')) };
  t.match(await dial(t, 'ca.test:1', broken), { reason: 'getaddrinfo ENOTFOUND ca.test' });
});

t.test('a resolver that never answers is given up', async (t) => {
  const through = { ...network(), lookup: () => new Promise<never>(() => {}) };
  const end = dial(t, 'ca.test:1', through);
  through.clock.advance(30_000);
  t.match(await end, { isUnverified: false, reason: /no connection within 30000 ms/ });
});

t.test('all addresses that failed are named', async (t) => {
  const { port } = await serveTls(t, '127.0.0.1');
  const end = await dial(t, `ca.test:${port}`, network('127.0.0.3', '127.0.0.4'));
  t.match(end, { reason: `connect ECONNREFUSED 127.0.0.3:${port}, connect ECONNREFUSED 127.0.0.4:${port}` });
});

t.test('a peer that never finishes its handshake is given up, and its connection ends', async (t) => {
  const { accepted, port } = await serveSilence(t, '127.0.0.1');
  const through = network('127.0.0.1');
  const end = dial(t, `ca.test:${port}`, through);
  const [socket] = await accepted;
  const closed = once(socket.resume(), 'close');
  through.clock.advance(30_000);
  t.match(await end, { isUnverified: false, reason: /no connection within 30000 ms/ });
  await closed;
  t.equal(through.clock.armed, 0);
});

t.test('a dial that is cancelled ends its connection and tells nothing', async (t) => {
  const { accepted, port } = await serveSilence(t, '127.0.0.1');
  const through = network('127.0.0.1');
  const told: unknown[] = [];
  const events = { onConnected: () => told.push('connected'), onFailed: () => told.push('failed') };
  const dialling = dialTls({ address: `ca.test:${port}`, rootPem: ca.certificatePem }, events, through);
  const [socket] = await accepted;
  const closed = once(socket.resume(), 'close');
  dialling.cancel();
  dialling.cancel();
  await closed;
  t.same(told, []);
  t.equal(through.clock.armed, 0);
});
