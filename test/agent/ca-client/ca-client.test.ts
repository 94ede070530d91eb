import { once } from 'node:events';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { type CaClient, type CaClientOptions, createCaClient } from '../../../src/agent/ca-client/index.js';
import type { CertificateIssuer } from '../../../src/agent/identity/index.js';
import { type CancelSignal, CancelSource } from '../../../src/cancellation/index.js';
import { IdentityError } from '../../../src/errors/index.js';
import { silentLogger } from '../../../src/telemetry/index.js';
import { ecKeys, rejectionCode, signedCsr } from '../../hotpath/pki.js';
import { cancelledSignal } from '../../support/cancel-signals.js';
import { FakeCaServer, type Fault } from '../../support/fake-ca-server.js';
import { shortDir } from '../../support/short-dir.js';
import { TestCa } from '../../support/test-ca.js';

const csrPem = signedCsr(ecKeys());
const portOf = (address: string): number => Number(address.split(':').at(-1));
const reject = (code: status): Fault => ({ kind: 'reject', code });

function client(
  t: Test,
  address: string,
  root: { rootPem: Buffer } | { rootFile: string },
  more: object = {},
  ca: { serverName?: string } = {},
): CaClient {
  const options: CaClientOptions = {
    cas: [{ address, ...('rootFile' in root ? { rootFile: root.rootFile } : { rootPem: root.rootPem }), ...ca }],
    ...{ clusterId: 'Kubernetes', logger: silentLogger },
    // No waits between attempts.
    ...{ now: Date.now, random: () => 0 },
    ...more,
  };
  const made = createCaClient(options);
  t.teardown(() => made.close());
  return made;
}

function request({
  tokens = ['token'],
  signal = new CancelSource(),
}: {
  tokens?: string[];
  signal?: CancelSignal;
} = {}) {
  let reads = 0;
  const given: Buffer[] = [];
  return {
    ...{ csrPem, ttlMs: 60_000, signal, given },
    token: {
      async read() {
        const token = Buffer.from(tokens[Math.min(reads++, tokens.length - 1)] ?? '');
        given.push(token);
        return token;
      },
    },
  };
}

t.test('what a client is asks for what `identity` needs', async (t) => {
  const ca = await FakeCaServer.start(t);
  const issuer: CertificateIssuer = client(t, ca.address, ca);
  t.ok(issuer);
});

t.test('a certificate is asked for as Istio does, and the answer is cut', async (t) => {
  const ca = await FakeCaServer.start(t);
  const asked = request();
  const answer = await client(t, ca.address, ca).issue(asked);
  t.match(ca.calls, [
    {
      authorization: 'Bearer token',
      clusterId: ['Kubernetes'],
      csr: csrPem.toString(),
      validitySeconds: 60,
      certSigner: '',
    },
  ]);
  t.equal(answer.chainPem.toString().match(/BEGIN CERTIFICATE/g)?.length, 2, 'leaf and intermediate');
  t.equal(answer.bundlePem.toString(), ca.rootPem.toString());
  t.ok(
    asked.given[0]?.every((byte) => byte === 0),
    'the token has been wiped',
  );
});

t.test('an empty cluster id is sent all the same', async (t) => {
  const ca = await FakeCaServer.start(t);
  await client(t, ca.address, ca, { clusterId: '' }).issue(request());
  t.same(ca.calls[0]?.clusterId, ['']);
});

t.test('further headers go with each call, and the signer with each request', async (t) => {
  const ca = await FakeCaServer.start(t);
  const made = client(t, ca.address, ca, { headers: { 'x-key': 'a b=c' }, certSigner: 'team.example/fast' });
  await made.issue(request());
  await made.issue(request());
  for (const call of ca.calls) {
    t.match(call.headers, { 'x-key': 'a b=c', authorization: 'Bearer token', clusterid: 'Kubernetes' });
    t.equal(call.certSigner, 'team.example/fast');
  }
});

t.test('calls one after another share a connection', async (t) => {
  const ca = await FakeCaServer.start(t);
  const made = client(t, ca.address, ca);
  await made.issue(request());
  await made.issue(request());
  t.equal(ca.calls[0]?.peer, ca.calls[1]?.peer);
});

for (const code of [
  status.UNAVAILABLE,
  status.RESOURCE_EXHAUSTED,
  status.DEADLINE_EXCEEDED,
  status.ABORTED,
  status.INTERNAL,
  status.CANCELLED,
]) {
  t.test(`${status[code]} is tried again, with the token read anew`, async (t) => {
    const ca = await FakeCaServer.start(t);
    ca.faults.push(reject(code), reject(code));
    await client(t, ca.address, ca).issue(request({ tokens: ['first', 'second', 'third'] }));
    t.same(
      ca.calls.map(({ authorization }) => authorization),
      ['Bearer first', 'Bearer second', 'Bearer third'],
    );
    const connections = new Set(ca.calls.map(({ peer }) => peer)).size;
    t.equal(connections, code === status.RESOURCE_EXHAUSTED ? 1 : 3, 'connections');
  });
}

const final = [
  { code: status.UNAUTHENTICATED, want: 'ERR_CA_REFUSED_TOKEN', connections: 1 },
  { code: status.PERMISSION_DENIED, want: 'ERR_CA_REFUSED_TOKEN', connections: 1 },
  { code: status.INVALID_ARGUMENT, want: 'ERR_CA_REJECTED_CSR', connections: 2 },
  { code: status.UNIMPLEMENTED, want: 'ERR_CA_RESPONSE_INVALID', connections: 2 },
  { code: status.UNKNOWN, want: 'ERR_CA_RESPONSE_INVALID', connections: 2 },
  { code: status.FAILED_PRECONDITION, want: 'ERR_CA_RESPONSE_INVALID', connections: 2 },
] as const;

for (const { code, want, connections } of final) {
  const next = connections === 1 ? 'the same connection' : 'a new connection';
  t.test(`${status[code]} fails at once as ${want}, and the next call has ${next}`, async (t) => {
    const ca = await FakeCaServer.start(t);
    ca.faults.push(reject(code));
    const made = client(t, ca.address, ca);
    t.equal(await rejectionCode(made.issue(request())), want);
    t.equal(ca.calls.length, 1);
    await made.issue(request());
    t.equal(new Set(ca.calls.map(({ peer }) => peer)).size, connections);
  });
}

const rootStates = [
  {
    name: 'has changed',
    content: (ca: FakeCaServer) => Buffer.concat([TestCa.root('next').certificatePem, ca.rootPem]),
    connections: 2,
  },
  { name: 'is as it was', content: (ca: FakeCaServer) => ca.rootPem, connections: 1 },
  { name: 'is half written', content: () => Buffer.from('-----BEGIN CERT'), connections: 1 },
];

for (const { name, content, connections } of rootStates) {
  t.test(`a token refused when the root file ${name} leads to ${connections} connections in all`, async (t) => {
    const ca = await FakeCaServer.start(t);
    const rootFile = join(shortDir(t), 'root-cert.pem');
    writeFileSync(rootFile, ca.rootPem);
    const made = client(t, ca.address, { rootFile });
    await made.issue(request());
    writeFileSync(rootFile, content(ca));
    ca.faults.push(reject(status.UNAUTHENTICATED));
    t.equal(await rejectionCode(made.issue(request())), 'ERR_CA_REFUSED_TOKEN');
    writeFileSync(rootFile, ca.rootPem);
    await made.issue(request());
    t.equal(new Set(ca.calls.map(({ peer }) => peer)).size, connections);
  });
}

/** Octets that this process has read of files and sockets. (proc_pid_io(5)) */
const octetsRead = () => Number(/rchar: (\d+)/.exec(readFileSync('/proc/self/io', 'utf8'))?.[1]);

t.test('a hundred tokens that are refused at once need few looks at the root file', async (t) => {
  const ca = await FakeCaServer.start(t);
  const rootFile = join(shortDir(t), 'root-cert.pem');
  const fileBytes = 900_000;
  writeFileSync(rootFile, Buffer.concat([ca.rootPem, Buffer.alloc(fileBytes - ca.rootPem.length, '\n')]));
  const made = client(t, ca.address, { rootFile });
  await made.issue(request());
  ca.faults.push(...Array.from({ length: 100 }, () => reject(status.UNAUTHENTICATED)));
  const before = octetsRead();
  const codes = await Promise.all(Array.from({ length: 100 }, () => rejectionCode(made.issue(request()))));
  t.same(new Set(codes), new Set(['ERR_CA_REFUSED_TOKEN']));
  const looks = Math.floor((octetsRead() - before) / fileBytes);
  t.ok(looks <= 25, `${looks} looks`);
});

/** Something on the way to the CA, whose connections the test may end. */
async function relayTo(t: Test, ca: string) {
  const accepted: Socket[] = [];
  const relay = createServer((socket) => {
    accepted.push(socket);
    const way = connect(portOf(ca), '127.0.0.1');
    for (const end of [socket, way]) end.on('error', () => {});
    socket.pipe(way).pipe(socket);
    t.teardown(() => {
      socket.destroy();
      way.destroy();
    });
  });
  await once(relay.listen(0, '127.0.0.1'), 'listening');
  t.teardown(() => relay.close());
  return { relay, accepted, address: `127.0.0.1:${Object(relay.address()).port}` };
}

t.test('after the end of an idle connection the next call has a new one, without a failure in between', async (t) => {
  const ca = await FakeCaServer.start(t);
  const { accepted, address } = await relayTo(t, ca.address);
  const failures: string[] = [];
  const logger = { ...silentLogger, debug: (message: string) => failures.push(message) };
  const made = client(t, address, ca, { logger });
  await made.issue(request());
  // The client closes its side when it has seen this one's end.
  const closed = accepted.map((socket) => once(socket.end(), 'close'));
  await Promise.all(closed);
  await made.issue(request());
  t.equal(accepted.length, 2);
  t.same(failures, []);
});

const lasting = [
  { code: status.UNAVAILABLE, want: 'ERR_CA_UNAVAILABLE' },
  { code: status.RESOURCE_EXHAUSTED, want: 'ERR_CA_OVERLOADED' },
  { code: status.DEADLINE_EXCEEDED, want: 'ERR_CA_DEADLINE' },
] as const;

for (const { code, want } of lasting) {
  t.test(`lasting ${status[code]} ends after five attempts as ${want}`, async (t) => {
    const ca = await FakeCaServer.start(t);
    ca.fault = reject(code);
    t.equal(await rejectionCode(client(t, ca.address, ca).issue(request())), want);
    t.equal(ca.calls.length, 5);
  });
}

const answers: { name: string; fault: Fault }[] = [
  { name: 'no element', fault: { kind: 'elements', elements: [] } },
  { name: 'one element', fault: { kind: 'elements', elements: [String(TestCa.root().certificatePem)] } },
  { name: 'no PEM', fault: { kind: 'elements', elements: ['garbage', 'garbage'] } },
  { name: 'bytes that are no message', fault: { kind: 'garbage-bytes' } },
];

for (const { name, fault } of answers) {
  t.test(`an answer of ${name} is refused at once`, async (t) => {
    const ca = await FakeCaServer.start(t);
    ca.fault = fault;
    t.equal(await rejectionCode(client(t, ca.address, ca).issue(request())), 'ERR_CA_RESPONSE_INVALID');
    t.equal(ca.calls.length, 1);
  });
}

t.test(
  'row 50: a CA that hangs is given up at the deadline of each attempt, and the budget bounds them all',
  async (t) => {
    const ca = await FakeCaServer.start(t);
    // Each attempt has seconds: the second needs a handshake, and a busy machine takes its time for one.
    const made = client(t, ca.address, ca, { deadlineMs: 3000, budgetMs: 5900 });
    // A handshake on a busy machine must not take the time of the first attempt.
    await made.issue(request());
    ca.fault = { kind: 'hang' };
    t.equal(await rejectionCode(made.issue(request())), 'ERR_CA_DEADLINE');
    t.equal(ca.calls.length, 1 + 2);
  },
);

t.test('an answer that comes within the deadline is taken', async (t) => {
  const ca = await FakeCaServer.start(t);
  ca.fault = { kind: 'slow', delayMs: 50 };
  t.ok(await client(t, ca.address, ca).issue(request()));
});

t.test('an attempt at a CA that hangs takes no longer than the request says', async (t) => {
  const ca = await FakeCaServer.start(t);
  ca.faults.push({ kind: 'hang' });
  const { address, rootPem } = ca;
  // Far less than the deadline of the client: the second attempt comes within the test, and finds the CA well; far more
  // than that one needs, on a busy machine too.
  const answer = await client(t, address, { rootPem }, { deadlineMs: 10 * 60_000 }).issue({
    ...request(),
    attemptMs: 3000,
  });
  t.ok(answer.chainPem.length > 0);
  t.equal(ca.calls.length, 2);
});

t.test('the signal ends a call that hangs, and the CA learns of it', async (t) => {
  const ca = await FakeCaServer.start(t);
  ca.fault = { kind: 'hang' };
  const stop = new CancelSource();
  const made = client(t, ca.address, ca);
  const pending = rejectionCode(made.issue(request({ signal: stop })));
  await ca.untilCalled(1);
  stop.cancel();
  t.equal(await pending, 'ERR_CANCELLED');
  await ca.untilCancelled(1);
  ca.fault = { kind: 'none' };
  await made.issue(request());
  t.equal(ca.calls[0]?.peer, ca.calls[1]?.peer, 'the connection was not at fault');
});

t.test('the signal ends the wait between two attempts', async (t) => {
  const ca = await FakeCaServer.start(t);
  ca.fault = reject(status.UNAVAILABLE);
  const stop = new CancelSource();
  const logger = { ...silentLogger, debug: () => stop.cancel() };
  const made = client(t, ca.address, ca, { random: () => 0.999, logger });
  t.equal(await rejectionCode(made.issue(request({ signal: stop }))), 'ERR_CANCELLED');
  t.equal(ca.calls.length, 1);
});

t.test('a call with a signal that has already fired reaches nobody', async (t) => {
  const ca = await FakeCaServer.start(t);
  t.equal(
    await rejectionCode(client(t, ca.address, ca).issue(request({ signal: cancelledSignal() }))),
    'ERR_CANCELLED',
  );
  t.equal(ca.calls.length, 0);
});

t.test('closing ends the calls under way and all later ones', async (t) => {
  const ca = await FakeCaServer.start(t);
  ca.fault = { kind: 'hang' };
  const made = client(t, ca.address, ca);
  const pending = rejectionCode(made.issue(request()));
  await ca.untilCalled(1);
  made.close();
  made.close();
  t.equal(await pending, 'ERR_CANCELLED');
  t.equal(await rejectionCode(made.issue(request())), 'ERR_CANCELLED');
});

t.test('the failure of one call does not cut off another on the same connection', async (t) => {
  const ca = await FakeCaServer.start(t);
  const made = client(t, ca.address, ca);
  await made.issue(request());
  ca.faults.push({ kind: 'slow', delayMs: 100 }, reject(status.INVALID_ARGUMENT));
  const slow = made.issue(request());
  await ca.untilCalled(2);
  t.equal(await rejectionCode(made.issue(request())), 'ERR_CA_REJECTED_CSR');
  t.ok(await slow);
  await made.issue(request());
  const peers = ca.calls.map(({ peer }) => peer);
  t.equal(peers[1], peers[2]);
  t.not(peers[3], peers[2]);
});

t.test('a changed root file is picked up by the next attempt', async (t) => {
  const ca = await FakeCaServer.start(t);
  const directory = shortDir(t);
  const rootFile = join(directory, 'root-cert.pem');
  writeFileSync(rootFile, TestCa.root('an old root').certificatePem);
  const logger = {
    ...silentLogger,
    debug: () => {
      writeFileSync(join(directory, 'new'), ca.rootPem);
      renameSync(join(directory, 'new'), rootFile);
    },
  };
  t.ok(await client(t, ca.address, { rootFile }, { logger }).issue(request()));
});

const root = TestCa.root();
const strangers = [
  {
    name: 'of another CA',
    certificate: TestCa.root('another').server(),
    says: /root does not verify the CA's certificate/,
  },
  {
    name: 'of another CA of the same name',
    certificate: TestCa.root().server(),
    says: /root does not verify the CA's certificate/,
  },
  {
    name: 'whose intermediate it does not send',
    certificate: root.intermediate().server(),
    says: /root does not verify the CA's certificate/,
  },
  {
    name: 'that has ended',
    certificate: root.server({ notBeforeMs: Date.now() - 7_200_000, notAfterMs: Date.now() - 3_600_000 }),
    says: /certificate has expired/,
  },
  {
    name: 'that is not yet valid',
    certificate: root.server({ notBeforeMs: Date.now() + 3_600_000, notAfterMs: Date.now() + 7_200_000 }),
    says: /not yet valid: compare the clocks; ours says 20\d\d-[\dT:.-]+Z/,
  },
  {
    name: 'for another name',
    certificate: root.server({ dnsNames: ['other.example'], ipAddresses: [] }),
    says: /is for another name/,
  },
];

for (const { name, certificate, says } of strangers) {
  t.test(`a server with a certificate ${name} is not asked, and the error says why`, async (t) => {
    const ca = await FakeCaServer.start(t, { root, serverCertificate: certificate });
    const rootFile = join(shortDir(t), 'root-cert.pem');
    writeFileSync(rootFile, root.certificatePem);
    const error = await client(t, ca.address, { rootFile })
      .issue(request({ tokens: ['secret-token'] }))
      .catch((reason: unknown) => reason);
    t.ok(error instanceof IdentityError);
    t.match(error, { code: 'ERR_CA_UNTRUSTED', message: says });
    t.match(error, { message: ca.address });
    t.match(error, { message: rootFile });
    t.notMatch(String(error), /secret-token/);
    t.equal(ca.calls.length, 0);
  });
}

for (const host of ['localhost', '127.0.0.1', '[::1]']) {
  t.test(`a CA at ${host} is verified by what its certificate says`, async (t) => {
    const ca = await FakeCaServer.start(t, { host });
    t.ok(await client(t, ca.address, ca).issue(request()));
  });
}

t.test('a CA without TLS is asked in plain text only when that is said, and then as any other', async (t) => {
  const ca = await FakeCaServer.start(t, { isPlaintext: true });
  const made = client(t, ca.address, ca, { cas: [{ address: ca.address, isPlaintext: true }] });
  t.ok(await made.issue(request()));
  await made.issue(request());
  t.equal(ca.calls[0]?.peer, ca.calls[1]?.peer);
  t.equal(made.agreement, undefined);
  ca.faults.push(reject(status.UNAVAILABLE));
  t.ok(await made.issue(request()));
  ca.faults.push(reject(status.UNAUTHENTICATED));
  const refused = await made.issue(request()).catch((reason: unknown) => reason);
  t.match(refused, { code: 'ERR_CA_REFUSED_TOKEN', message: /in plain text/ });
});

t.test('TLS with a CA that has none fails, hands out no token, and says what to do', async (t) => {
  const ca = await FakeCaServer.start(t, { isPlaintext: true });
  const error = await client(t, ca.address, ca)
    .issue(request())
    .catch((reason: unknown) => reason);
  t.match(error, { code: 'ERR_CA_UNAVAILABLE', message: /does not speak TLS at this port.*--ca-plaintext/ });
  t.equal(ca.calls.length, 0);
});

t.test('plain text with a CA that has TLS fails, and no CA that nobody listens for is waited for', async (t) => {
  const ca = await FakeCaServer.start(t);
  for (const address of [ca.address, '127.0.0.1:1']) {
    const made = client(t, address, ca, { cas: [{ address, isPlaintext: true }] });
    t.equal(await rejectionCode(made.issue(request())), 'ERR_CA_UNAVAILABLE');
  }
  t.equal(ca.calls.length, 0);
});

t.test('a server name replaces the host in the check', async (t) => {
  const certificate = root.server({ dnsNames: ['istiod.istio-system.svc'], ipAddresses: [] });
  const ca = await FakeCaServer.start(t, { root, serverCertificate: certificate });
  t.ok(await client(t, ca.address, ca, {}, { serverName: 'istiod.istio-system.svc' }).issue(request()));
});

t.test('whoever wants to know hears of the end of a connection, and of nothing else', async (t) => {
  const ca = await FakeCaServer.start(t);
  const { relay, accepted, address } = await relayTo(t, ca.address);
  const made = client(t, address, ca);
  let lost = 0;
  let heard = (): void => {};
  const ended = new Promise<void>((resolve) => {
    heard = resolve;
  });
  const stop = made.onConnectionLost(() => {
    lost += 1;
    heard();
  });
  ca.faults.push(reject(status.UNAUTHENTICATED), reject(status.INVALID_ARGUMENT));
  for (let call = 0; call < 2; call += 1) await rejectionCode(made.issue(request()));
  await made.issue(request());
  t.equal(lost, 0, 'that we end one ourselves is no news');
  relay.close();
  accepted.at(-1)?.destroy();
  await ended;
  t.equal(await rejectionCode(made.issue(request())), 'ERR_CA_UNAVAILABLE');
  t.equal(lost, 1, 'nor that there is none');
  stop();
});

t.test('an answer above what a chain and a bundle may have is refused, and not asked for again', async (t) => {
  const ca = await FakeCaServer.start(t);
  ca.fault = { kind: 'elements', elements: [String(ca.rootPem), 'x'.repeat(1_200_000)] };
  t.equal(await rejectionCode(client(t, ca.address, ca).issue(request())), 'ERR_CA_RESPONSE_INVALID');
  t.equal(ca.calls.length, 1);
});

t.test('a CA that nobody runs is unavailable', async (t) => {
  const ca = await FakeCaServer.start(t);
  ca.stop();
  t.equal(await rejectionCode(client(t, ca.address, ca).issue(request())), 'ERR_CA_UNAVAILABLE');
});

const roots = [
  { name: 'is missing', content: undefined },
  { name: 'is empty', content: '' },
  { name: 'is garbage', content: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n' },
];

for (const { name, content } of roots) {
  t.test(`a root file that ${name} is named by the error`, async (t) => {
    const rootFile = join(shortDir(t), 'root-cert.pem');
    if (content !== undefined) writeFileSync(rootFile, content);
    const error = await client(t, '127.0.0.1:1', { rootFile })
      .issue(request())
      .catch((reason: unknown) => reason);
    t.match(error, { code: 'ERR_CA_ROOT_INVALID', message: rootFile });
  });
}

t.test('a bad root given as bytes is refused as well', async (t) => {
  t.equal(
    await rejectionCode(client(t, '127.0.0.1:1', { rootPem: Buffer.from('garbage') }).issue(request())),
    'ERR_CA_ROOT_INVALID',
  );
});

const tokens = [
  { name: 'is empty', token: '', want: 'ERR_TOKEN_MISSING' },
  { name: 'has a newline in it', token: 'secret\ntoken', want: 'ERR_TOKEN_MALFORMED' },
] as const;

for (const { name, token, want } of tokens) {
  t.test(`a token that ${name} goes nowhere, and no error quotes it`, async (t) => {
    const ca = await FakeCaServer.start(t);
    const error = await client(t, ca.address, ca)
      .issue(request({ tokens: [token] }))
      .catch((reason: unknown) => reason);
    t.match(error, { code: want });
    t.notMatch(String(error), /secret/);
    t.equal(ca.calls.length, 0);
  });
}

t.test('what the token source rejects with passes through', async (t) => {
  const ca = await FakeCaServer.start(t);
  const token = { read: () => Promise.reject(new IdentityError('ERR_TOKEN_EXPIRED', 'token has ended')) };
  t.equal(await rejectionCode(client(t, ca.address, ca).issue({ ...request(), token })), 'ERR_TOKEN_EXPIRED');
  t.equal(await rejectionCode(client(t, ca.address, ca).issue(request())), 'none');
});

t.test('a cluster id that no header can carry is a configuration error', async (t) => {
  t.throws(() => client(t, '127.0.0.1:1', { rootPem: Buffer.alloc(0) }, { clusterId: 'a\nb' }), {
    code: 'ERR_CONFIG_INVALID',
  });
});
