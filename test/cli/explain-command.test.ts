import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { explain, startExplainedAgent } from '../support/explained-agents.js';
import { FakeCaServer } from '../support/fake-ca-server.js';
import { shortDir } from '../support/short-dir.js';
import { startSidecarAgent } from '../support/sidecar-agent.js';
import { runSidecert } from '../support/sidecert-process.js';
import { TestCa } from '../support/test-ca.js';
import { askUnix } from '../support/unix-http.js';

const SLEEP = 'spiffe://cluster.local/ns/foo/sa/sleep';
const HTTPBIN = 'spiffe://cluster.local/ns/foo/sa/httpbin';
const HOUR_MS = 3_600_000;
const see = (symptom: string): RegExp => new RegExp(`^ {2}see docs/troubleshooting.md#${symptom}$`, 'm');

t.test('two agents whose Envoys have ACKed fit, live and from files', async (t) => {
  const ca = TestCa.root();
  const [a, b] = await Promise.all([
    startExplainedAgent(t, { ca, uri: SLEEP }),
    startExplainedAgent(t, { ca, uri: HTTPBIN }),
  ]);
  await Promise.all([a.attach('sleep-1'), b.attach('httpbin-1')]);
  const live = await explain(t, a, b, '--b-expects', `${SLEEP}`, '--a-expects', 'spiffe://cluster.local/*');
  t.equal(live.code, 0, live.out + live.err);
  t.match(live.out, /^no rule fails: the handshake should succeed$/m);
  t.match(live.out, /ok {4}clocks/);
  t.notMatch(live.out, /PRIVATE KEY/);

  const directory = shortDir(t);
  const files = await Promise.all(
    [a, b].map(async ({ page }, index) => {
      const { out } = await runSidecert(t, ['status', '--status-address', page, '--output', 'json']);
      const file = join(directory, `${index}.json`);
      writeFileSync(file, out);
      return file;
    }),
  );
  const fromFiles = await runSidecert(t, ['explain', ...files, '--output', 'json']);
  t.equal(fromFiles.code, 0, fromFiles.err);
  t.match(JSON.parse(fromFiles.out), {
    verdict: 'ok',
    sides: [{ side: 'A', spiffe_id: SLEEP }, { side: 'B' }],
    common: [{ rule: 'clocks', verdict: 'unknown' }],
  });
});

t.test('a root that one side has lost is named, with when', async (t) => {
  const [old, next] = [TestCa.root('old root'), TestCa.root('next root')];
  const [a, b] = await Promise.all([
    startExplainedAgent(t, { ca: next, uri: SLEEP, trusted: [old, next] }),
    startExplainedAgent(t, { ca: old, uri: HTTPBIN, trusted: [old, next] }),
  ]);
  await Promise.all([a.attach('sleep-1'), b.attach('httpbin-1')]);
  t.equal((await explain(t, a, b)).code, 0);
  await b.trust(old);
  const { code, out } = await explain(t, a, b);
  t.equal(code, 1);
  t.match(out, /^The first rule that fails, where B verifies A: path$/m);
  t.match(
    out,
    /A's certificate is of root "O=next root" \([0-9a-f]{16}\), which B's bundle does not have; B trusts "O=old root"/,
  );
  t.match(out, see('root-missing'));
  t.match(out, /^ {2}B {2}\S+Z \(\d+s ago\) {2}bundle of cluster.local: lost root O=next root \([0-9a-f]{16}\)$/m);
});

t.test('an Envoy that holds the bundle of before, as it does not answer, is named', async (t) => {
  const [old, next] = [TestCa.root('old root'), TestCa.root('next root')];
  const [a, b] = await Promise.all([
    startExplainedAgent(t, { ca: old, uri: SLEEP }),
    startExplainedAgent(t, { ca: old, uri: HTTPBIN }),
  ]);
  await Promise.all([a.attach('sleep-1'), b.attach('httpbin-deaf')]);
  await b.trust(old, next);
  const { code, out } = await explain(t, a, b);
  t.equal(code, 1);
  t.match(out, /Envoy B +httpbin-deaf has not ACKed B's bundle [0-9a-f]+, and ACKed [0-9a-f]+/);
  t.match(out, see('envoy-behind'));
});

t.test('an Envoy that refuses, and one that asks for another name, are named', async (t) => {
  const ca = TestCa.root();
  const [a, b] = await Promise.all([
    startExplainedAgent(t, { ca, uri: SLEEP }),
    startExplainedAgent(t, { ca, uri: HTTPBIN }),
  ]);
  const bundle = await a.attach('sleep-1');
  const leaf = bundle.another();
  leaf.request({ names: ['default'], nodeId: 'sleep-2' });
  leaf.nack(await leaf.expectResponse(), 'Failed to load private key');
  await a.logger.until('sds secret rejected by its proxy');
  const wrong = (await b.attach('httpbin-1')).another();
  wrong.request({ names: ['defautl'], nodeId: 'httpbin-1' });
  await b.logger.until('sds secret asked for that is not served');
  const { code, out } = await explain(t, a, b);
  t.equal(code, 1);
  t.match(out, /sleep-2 refused A's certificate \d+s ago: Failed to load private key; it holds none/);
  t.match(out, see('envoy-refused'));
  t.match(out, /^ {2}A .*sleep-2 rejected default: Failed to load private key$/m);
});

t.test('names, lists, times, clocks and trust domains of real agents', async (t) => {
  const ca = TestCa.root('test root', { notAfterMs: Date.now() + 20 * HOUR_MS });
  const crl = join(shortDir(t), 'crl.pem');
  const faults = [
    {
      symptom: 'san-mismatch',
      b: { flags: { 'peer-san': 'spiffe://cluster.local/ns/bar/*' } },
      says: /accepts URI prefix spiffe:\/\/cluster.local\/ns\/bar\//,
    },
    {
      symptom: 'revoked',
      b: { flags: { crl } },
      says: /A's certificate \(serial [0-9a-f]+\) is on B's revocation list/,
    },
    {
      symptom: 'clock-skew',
      b: { aheadMs: 2 * HOUR_MS },
      says: /the clock of B is (?:2h|1h 59m).* ahead of that of A/,
    },
    {
      symptom: 'trust-domain',
      b: {
        ca: TestCa.root('far root'),
        uri: 'spiffe://far.example/ns/foo/sa/httpbin',
        flags: { 'trust-domain': 'far.example' },
      },
      says: /A is of cluster.local, B of far.example/,
    },
    { symptom: 'root-same-name', b: { ca: TestCa.root() }, says: /B has a root of that name with another key/ },
  ];
  const a = await startExplainedAgent(t, { ca, uri: SLEEP });
  await a.attach('sleep-1');
  const { body } = await askUnix(a.page, '/status');
  const leaf = new X509Certificate(Buffer.from(JSON.parse(body).identities[0].chain[0], 'base64'));
  writeFileSync(crl, ca.revocationList(leaf));
  for (const { symptom, b: shape, says } of faults) {
    // The certificate of one whose clock is ahead has begun by then, and lasts longer than the other one's.
    const lasting = { notAfterMs: Date.now() + 10 * HOUR_MS };
    const b = await startExplainedAgent(t, { ca, uri: HTTPBIN, ...lasting, ...shape });
    const { code, out } = await explain(t, a, b);
    t.equal(code, 1, symptom);
    t.match(out, see(symptom));
    t.match(out, says);
  }
});

t.test('an agent that the CA refuses is told with its token beside the one that is accepted', async (t) => {
  const ca = await FakeCaServer.start(t);
  const refusing = await FakeCaServer.start(t, { root: ca.root });
  refusing.fault = { kind: 'reject', code: 16 };
  const directory = shortDir(t);
  const [pageA, pageB] = [join(directory, 'a'), join(directory, 'b')];
  const a = await startSidecarAgent(t, { ca: refusing, flags: { 'status-address': pageA } });
  const b = await startSidecarAgent(t, { ca, flags: { 'status-address': pageB } });
  await b.ask('default');
  const { fields } = await a.logger.until('no valid svid');
  t.match(fields.token_claims, /^iss https:.*, sub system:serviceaccount:foo:sleep, aud istio-ca, expires 20/);
  const { code, out } = await runSidecert(t, ['explain', pageA, pageB]);
  t.equal(code, 1);
  t.match(
    out,
    /A has none: ERR_CA_REFUSED_TOKEN.*its token: iss https:\/\/kubernetes\S+, sub system:serviceaccount:foo:sleep, aud istio-ca, expires in/,
  );
  t.match(out, see('token-refused'));
  t.match(out, /^ {2}A .* ERR_CA_REFUSED_TOKEN/m);
  t.notMatch(out, /eyJ/);
});

t.test('what cannot be read has exit code 3, and a wrong command line 2', async (t) => {
  const directory = shortDir(t);
  const citadel = join(directory, 'citadel.json');
  writeFileSync(citadel, JSON.stringify({ authority: {} }));
  const garbage = join(directory, 'garbage');
  writeFileSync(garbage, '{');
  const { code, err } = await runSidecert(t, ['explain', citadel, garbage]);
  t.equal(code, 3);
  t.match(err, /A cannot be read: .*citadel.json: got the page of a Citadel, expected that of an agent/);
  t.match(err, /B cannot be read: /);
  t.match(err, /B cannot be read: file \S+garbage: got 1 octets that are no JSON, expected what sidecert status/);
  const key = join(directory, 'key.pem');
  writeFileSync(key, '-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\n-----END PRIVATE KEY-----\n');
  t.notMatch((await runSidecert(t, ['explain', key, key])).err, /MIGH|BEGIN/);
  const none = await runSidecert(t, ['explain', join(directory, 'nothing'), '127.0.0.1:1']);
  t.equal(none.code, 3);
  t.match(none.err, /A cannot be read: .*ENOENT/);
  t.match(none.err, /B cannot be read: 127.0.0.1:1: ECONNREFUSED/);
  const alone = await runSidecert(t, ['explain', '10.0.0.7:15020', citadel, 'third']);
  t.equal(alone.code, 2);
  t.match(alone.err, /expected a port of this machine/);
});

t.test('an agent of many pods is asked which one is meant', async (t) => {
  const page = join(shortDir(t), 'two.json');
  writeFileSync(
    page,
    JSON.stringify({ now: new Date().toISOString(), identities: [{ spiffe_id: SLEEP }, { spiffe_id: HTTPBIN }] }),
  );
  const { code, err } = await runSidecert(t, ['explain', page, page]);
  t.equal(code, 3);
  t.match(err, /got 2 identities, expected which one is meant/);
});
