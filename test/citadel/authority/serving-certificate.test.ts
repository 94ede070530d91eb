import { X509Certificate } from 'node:crypto';
import { connect, type TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import { createServingCertificate, LiveAuthority } from '../../../src/citadel/authority/index.js';
import type {
  CertificateUser,
  ServingCertificateOptions,
  ServingCredentials,
} from '../../../src/citadel/authority/serving-certificate.js';
import { IdentityError } from '../../../src/errors/index.js';
import { listenTls } from '../../../src/net/transport/index.js';
import { TrustDomain } from '../../../src/pki/spiffe/index.js';
import { openssl } from '../../hotpath/pki.js';
import { authorityDirectory } from '../../support/authority-files.js';
import { FakeClock } from '../../support/fake-clock.js';
import { FakeIssuing } from '../../support/fake-issuing.js';
import { openHotPath } from '../../support/hot-path.js';
import { PATIENCE_MS } from '../../support/patience.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { TestCa } from '../../support/test-ca.js';

const TTL_MS = 60_000;
const hotPath = openHotPath();
const trustDomain = TrustDomain.parse('cluster.local');

/** Takes certificates over from the renewal, and lets a test wait for them. */
class Taker implements CertificateUser {
  readonly taken: ServingCredentials[] = [];
  #waiters: (() => void)[] = [];

  constructor(private readonly user: CertificateUser = { setCertificate() {} }) {}

  setCertificate(certificate: ServingCredentials): void {
    this.user.setCertificate(certificate);
    this.taken.push(certificate);
    for (const wake of this.#waiters.splice(0)) wake();
  }

  async untilTaken(count: number): Promise<void> {
    while (this.taken.length < count) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }
}

async function setUp(t: Test, changes: Partial<ServingCertificateOptions> & { directory?: string } = {}) {
  const { directory, ...more } = changes;
  // Near the real clock, by which TLS judges.
  const clock = new FakeClock(Math.floor(Date.now() / 1000) * 1000);
  const logger = new RecordingLogger();
  const common = { trustDomain, logger };
  const place = directory === undefined ? {} : { directory };
  const { current: authority } = await LiveAuthority.open({ ...common, now: clock.now, ...place });
  const issuing = new FakeIssuing(hotPath);
  const serving = await createServingCertificate({
    ...{ ...common, authority: () => authority, clock, ttlMs: TTL_MS, random: () => 0.5 },
    hotPath: { prepare: (request) => hotPath.prepare(request), issue: (request) => issuing.issue(request) },
    ...more,
  });
  t.teardown(() => serving.close());
  return { clock, logger, authority, issuing, serving };
}

const textOf = ({ certPem }: ServingCredentials): string => openssl(['x509', '-text', '-noout'], Buffer.from(certPem));

t.test('the certificate is for the names that agents know us by', async (t) => {
  const { serving } = await setUp(t);
  t.match(
    textOf(serving.current),
    /Subject Alternative Name: critical\s+DNS:istiod\.istio-system\.svc, DNS:localhost, IP Address:127\.0\.0\.1, IP Address:0:0:0:0:0:0:0:1\n/,
  );
});

t.test('other names replace them', async (t) => {
  const { serving } = await setUp(t, { serverNames: ['ca.example', '10.1.2.3', '2001:db8::1'] });
  t.match(
    textOf(serving.current),
    /Subject Alternative Name: critical\s+DNS:ca\.example, IP Address:10\.1\.2\.3, IP Address:2001:DB8:0:0:0:0:0:1\n/,
  );
});

t.test('further names come to them, but for those that name constraints do not permit', async (t) => {
  const names = (serving: { facts: { names: readonly string[] } }): readonly string[] => serving.facts.names;
  const furtherNames = ['istiod.mesh.svc', 'istio-pilot.mesh.svc', 'localhost'];
  const { serving, authority } = await setUp(t, { serverNames: ['localhost'], furtherNames });
  t.same(names(serving), ['localhost', 'istiod.mesh.svc', 'istio-pilot.mesh.svc']);
  const constrained = {
    ...authority,
    nameProblem: (name: string) => (name.startsWith('istiod.') ? 'not permitted' : undefined),
  };
  const other = await setUp(t, { serverNames: ['localhost'], furtherNames, authority: () => constrained });
  t.same(names(other.serving), ['localhost', 'istio-pilot.mesh.svc']);
  t.match(textOf(other.serving.current), /DNS:localhost, DNS:istio-pilot\.mesh\.svc\n/);
});

t.test('the key is that of the certificate, and P-256', async (t) => {
  const { serving } = await setUp(t);
  const publicKey = openssl(['pkey', '-pubout'], Buffer.from(serving.current.keyPem));
  t.equal(publicKey, openssl(['x509', '-pubkey', '-noout'], Buffer.from(serving.current.certPem)));
  t.match(textOf(serving.current), /NIST CURVE: P-256/);
});

t.test('by default it lives for a day, and never longer than its signer', async (t) => {
  const { authority, logger, clock } = await setUp(t);
  const options = { hotPath, authority: () => authority, trustDomain, clock, random: () => 0.5, logger };
  const serving = await createServingCertificate(options);
  t.teardown(() => serving.close());
  t.equal(Date.parse(new X509Certificate(serving.current.certPem).validTo), clock.now() + 24 * 3_600_000);
  const root = TestCa.root('short', { notAfterMs: Date.now() + 30_000 });
  const short = await setUp(t, { directory: authorityDirectory(t, { signer: root, roots: [root] }) });
  t.equal(new X509Certificate(short.serving.current.certPem).validTo, root.certificate.validTo);
});

/** A TLS listener with the certificate of `serving`, as Citadel has one. */
async function listen(t: Test, certificate: ServingCredentials) {
  const listener = await listenTls({
    ...{ host: '127.0.0.1', port: 0, backlog: 128, handshakeTimeoutMs: PATIENCE_MS, logger: new RecordingLogger() },
    certificate,
    onSocket: (socket) => socket.pipe(socket),
  });
  t.teardown(() => listener.close());
  return { listener, port: Number(listener.address.split(':').at(-1)) };
}

/** A verified handshake under the name that pilot-agent expects. Rejects when it is refused. */
function dial(t: Test, port: number, ca: Buffer): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const named = { host: '127.0.0.1', servername: 'istiod.istio-system.svc', ALPNProtocols: ['h2'] };
    const socket = connect({ port, ca, ...named });
    t.teardown(() => socket.destroy());
    socket.once('secureConnect', () => resolve(socket));
    socket.once('error', reject);
  });
}

const serialOf = (socket: TLSSocket): string => socket.getPeerCertificate().serialNumber;

t.test('at half of its life a new one takes over: no handshake fails, old connections go on', async (t) => {
  const { serving, clock, authority, logger } = await setUp(t);
  const { listener, port } = await listen(t, serving.current);
  const taker = new Taker(listener);
  serving.keepFresh(taker);
  const roots = authority.bundle.toPem();
  const old = await dial(t, port, roots);
  t.equal(old.getPeerCertificate().subjectaltname?.startsWith('DNS:istiod.istio-system.svc, DNS:localhost'), true);

  const meanwhile = Array.from({ length: 20 }, () => dial(t, port, roots));
  clock.advance(TTL_MS / 2 - 1);
  t.equal(taker.taken.length, 0, 'not before its time');
  clock.advance(1);
  meanwhile.push(...Array.from({ length: 20 }, () => dial(t, port, roots)));
  await taker.untilTaken(1);
  const renewed = await dial(t, port, roots);

  const sockets = await Promise.all(meanwhile);
  const [first, second] = [serialOf(old), serialOf(renewed)];
  t.not(second, first);
  t.ok(sockets.every((socket) => [first, second].includes(serialOf(socket))));
  const issued = logger.of('serving certificate issued').map(({ fields }) => String(fields.serial).toUpperCase());
  t.same(issued, [first, second]);
  const echoed = new Promise((resolve) => old.once('data', resolve));
  old.write('still here');
  t.equal(String(await echoed), 'still here');
});

t.test('each one is followed by the next', async (t) => {
  const { serving, clock } = await setUp(t);
  const taker = new Taker();
  serving.keepFresh(taker);
  for (const round of [1, 2, 3]) {
    await clock.untilArmed();
    clock.advance(TTL_MS / 2);
    await taker.untilTaken(round);
  }
  const serials = taker.taken.map(({ certPem }) => new X509Certificate(certPem).serialNumber);
  t.equal(new Set(serials).size, 3);
  t.equal(new X509Certificate(serving.current.certPem).serialNumber, serials[2]);
});

t.test('the key of the one before is wiped', async (t) => {
  const { serving, clock } = await setUp(t);
  const taker = new Taker();
  serving.keepFresh(taker);
  const old = serving.current.keyPem as Buffer;
  t.match(old.toString(), /PRIVATE KEY/);
  clock.advance(TTL_MS / 2);
  await taker.untilTaken(1);
  // The renewal goes on for a moment after it has handed the new one over.
  await clock.untilArmed();
  t.ok(old.every((byte) => byte === 0));
});

t.test('a failed renewal keeps the old one, says why, and is tried again until it succeeds', async (t) => {
  const { serving, clock, issuing, logger } = await setUp(t);
  const taker = new Taker();
  serving.keepFresh(taker);
  const before = serving.current;
  issuing.failure = new IdentityError('ERR_HOTPATH_OVERLOADED', 'too much to do');
  clock.advance(TTL_MS / 2);
  for (const failure of [1, 2, 3]) {
    const line = await logger.until('serving certificate could not be renewed, the old one stays', failure);
    t.match(line, { level: 'warn', fields: { code: 'ERR_HOTPATH_OVERLOADED', error: 'too much to do' } });
    t.equal(serving.current, before);
    await clock.untilArmed();
    if (failure < 3) clock.advance(3000);
  }
  issuing.failure = undefined;
  clock.advance(3000);
  await taker.untilTaken(1);
  t.not(serving.current, before);
});

t.test('one that its user cannot take is no loss either', async (t) => {
  const { serving, clock, logger } = await setUp(t);
  let isBroken = true;
  const taker = new Taker({
    setCertificate() {
      if (isBroken) throw new IdentityError('ERR_LISTEN_FAILED', 'not this one');
    },
  });
  serving.keepFresh(taker);
  const before = serving.current;
  clock.advance(TTL_MS / 2);
  await logger.until('serving certificate could not be renewed, the old one stays');
  t.equal(serving.current, before);
  isBroken = false;
  await clock.untilArmed();
  clock.advance(3000);
  await taker.untilTaken(1);
});

for (const outcome of ['succeeds', 'fails'] as const) {
  t.test(`after close nothing is renewed, even if a renewal under way ${outcome}`, async (t) => {
    const { serving, clock, issuing, logger } = await setUp(t);
    const taker = new Taker();
    serving.keepFresh(taker);
    issuing.isHeld = true;
    clock.advance(TTL_MS / 2);
    await issuing.untilCalled(2);
    serving.close();
    serving.close();
    if (outcome === 'fails') issuing.failure = new IdentityError('ERR_HOTPATH_CLOSED', 'closed');
    issuing.release();
    await issuing.untilAnswered(2);
    // What follows the answer runs within this turn of the loop.
    await new Promise((resolve) => setImmediate(resolve));
    t.equal(taker.taken.length, 0);
    t.equal(clock.armed, 0);
    t.equal(logger.of('serving certificate could not be renewed, the old one stays').length, 0);
  });
}

t.test('intermediates go out behind it, so that a peer with the root alone verifies it', async (t) => {
  const root = TestCa.root('root', { notAfterMs: Date.now() + 10 * 3_600_000 });
  const issuing = root.intermediate('issuing', { notAfterMs: Date.now() + 10 * 3_600_000 });
  const directory = authorityDirectory(t, { signer: issuing, chain: [issuing], roots: [root] });
  const { serving } = await setUp(t, { directory });
  const { port } = await listen(t, serving.current);
  const socket = await dial(t, port, root.certificatePem);
  t.equal(socket.getPeerCertificate(true).issuerCertificate.subject.O, 'issuing');
});

t.test('with a signer that has ended there is none', async (t) => {
  const { authority, logger } = await setUp(t);
  const late = new FakeClock(authority.notAfterMs);
  const options = { hotPath, authority: () => authority, trustDomain, clock: late, random: () => 0.5, logger };
  await t.rejects(createServingCertificate(options), { code: 'ERR_CITADEL_NOT_READY' });
});
