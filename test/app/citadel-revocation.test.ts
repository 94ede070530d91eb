import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { authorityDirectory } from '../support/authority-files.js';
import { CitadelCaller } from '../support/citadel-caller.js';
import { openHotPath } from '../support/hot-path.js';
import { shortDir } from '../support/short-dir.js';
import { runSidecert, SidecertProcess } from '../support/sidecert-process.js';
import { TestCa } from '../support/test-ca.js';
import { TokenIssuer } from '../support/test-tokens.js';

const hotPath = openHotPath();
const SLEEP = 'spiffe://cluster.local/ns/foo/sa/sleep';

/** Citadels with one root, each with a trail of its own; with the CA directory `plugged` in. */
async function cluster(t: Test, plugged?: string) {
  const directory = shortDir(t);
  const issuer = new TokenIssuer();
  const file = (name: string): string => join(directory, name);
  const caDirectory = plugged ?? file('ca');
  writeFileSync(file('jwks.json'), JSON.stringify(issuer.jwks));
  const start = async (name: string, ...flags: string[]) => {
    const citadel = new SidecertProcess(t, [
      ...['citadel', '--listen', '127.0.0.1:0', '--ca-dir', caDirectory, '--jwks', file('jwks.json')],
      ...['--token-issuer', issuer.issuer, '--root-cert-out', file('root.pem'), '--status-address', file(name)],
      ...flags,
    ]);
    await citadel.says('status page open');
    const address = await citadel.address();
    return { citadel, caller: new CitadelCaller(t, { address, rootPem: readFileSync(file('root.pem')) }) };
  };
  const withTrail = (name: string) => start(name, '--trail-dir', file(`${name}-trail`));
  const issue = async (caller: CitadelCaller): Promise<X509Certificate> => {
    const token = await issuer.token('foo', 'sleep');
    const csr = (await hotPath.prepare({ spiffeId: SLEEP, keyType: 'ec-p256' })).csrPem.toString();
    const answer = await caller.call({ token, csr });
    t.equal(answer.code, status.OK);
    return new X509Certificate(answer.elements[0] ?? '');
  };
  /** Serials on the lists of a Citadel, by openssl. */
  const listed = (name: string): string[] => {
    const text = execFileSync('openssl', ['crl', '-text', '-noout', '-in', file(`${name}-trail/crl.pem`)]).toString();
    return [...text.matchAll(/Serial Number: ([0-9A-F]+)/g)].map(([, serial = '']) => serial).sort();
  };
  return { start, withTrail, issue, listed, file };
}

t.test('a certificate that one of two Citadels has issued is revoked at both, for good', async (t) => {
  const { withTrail, issue, listed, file } = await cluster(t);
  const [one, two] = [await withTrail('one'), await withTrail('two')];
  const [first, second, third] = [await issue(one.caller), await issue(two.caller), await issue(two.caller)];
  const both = ['--status-address', file('one'), '--status-address', file('two')];
  const colons = first.serialNumber.replace(/(..)(?=.)/g, '$1:');

  const trial = await runSidecert(t, ['revoke', ...both, '--serial', colons, '--dry-run']);
  t.match(trial, { code: 0, err: '', out: /^would be revoked: serial [0-9a-f]+, spiffe:.*\/sa\/sleep, until 20/ });
  t.same(listed('one'), []);
  const revoked = await runSidecert(t, ['revoke', ...both, '--serial', colons, '--reason', 'keyCompromise']);
  t.match(revoked, { code: 0, err: '', out: /^revoked: serial / });
  for (const name of ['one', 'two']) t.same(listed(name), [first.serialNumber], name);
  t.match(await runSidecert(t, ['certs', 'list', file('two-trail'), '--events', 'revoked']), {
    out: new RegExp(` revoked ${SLEEP} serial ${first.serialNumber.replace(/^0+/, '')} until `, 'i'),
  });
  t.match(await runSidecert(t, ['certs', 'show', file('one-trail'), colons]), {
    out: /key_type[\s\S]*reason +keyCompromise\nby +uid \d+/,
  });

  two.citadel.kill('SIGKILL');
  await two.citadel.ended;
  t.match(await runSidecert(t, ['revoke', ...both, '--identity', SLEEP]), {
    code: 1,
    out: '',
    err: /sidecert revoke: /,
  });
  await withTrail('two');
  t.same(listed('two'), [first.serialNumber], 'it outlasts a process');
  const json = await runSidecert(t, ['revoke', ...both, '--identity', SLEEP, '-o', 'json']);
  t.equal(JSON.parse(json.out).certificates.length, 3, 'all of an identity, wherever they were issued');
  const all = [first, second, third].map(({ serialNumber }) => serialNumber).sort();
  for (const name of ['one', 'two']) t.same(listed(name), all, name);
  t.match(await runSidecert(t, ['trail', 'verify', file('two-trail')]), { code: 0, out: /3 revoked/ });
  const shown = await runSidecert(t, ['status', '--status-address', file('two'), '-o', 'json']);
  t.match(JSON.parse(shown.out).revocations, { revoked: 3 });
});

t.test('what cannot be revoked is told with its reason', async (t) => {
  const { start, withTrail, file } = await cluster(t);
  await withTrail('one');
  const one = ['revoke', '--status-address', file('one')];
  t.match(await runSidecert(t, [...one, '--serial', '77']), {
    ...{
      code: 1,
      out: '',
      err: 'sidecert revoke: got serial 77, expected one with a certificate that has not expired\n',
    },
  });
  t.match(await runSidecert(t, one), {
    code: 2,
    err: /--serial, --identity, --certificate: got none, expected one of them/,
  });
  t.match(await runSidecert(t, [...one, '--serial', 'xyz']), {
    code: 2,
    err: /"xyz", expected a serial number in hex/,
  });
  t.match(await runSidecert(t, [...one, '--serial', '1', '--reason', 'removeFromCRL']), { code: 2, err: /--reason/ });
  t.match(await runSidecert(t, ['revoke', '--serial', '1']), { code: 2, err: /--status-address/ });
  await start('bare');
  t.match(await runSidecert(t, ['revoke', '--status-address', file('bare'), '--serial', '1']), {
    ...{ code: 1, err: /ERR_REVOCATION_REFUSED: this Citadel has no --trail-dir, expected one/ },
  });
});

t.test('a certificate of another Citadel is revoked by when it expires, where each is asked by itself', async (t) => {
  const { withTrail, issue, listed, file } = await cluster(t);
  const [one] = [await withTrail('one'), await withTrail('two')];
  const leaf = await issue(one.caller);
  const at = (name: string, ...flags: string[]) => runSidecert(t, ['revoke', '--status-address', file(name), ...flags]);
  t.match(await at('two', '--serial', leaf.serialNumber), { code: 1, err: /got serial/ }, 'it knows none such');
  const told = await at('one', '--serial', leaf.serialNumber, '-o', 'json');
  const [{ serial, not_after }] = JSON.parse(told.out).certificates;
  const certificate = ['--certificate', `${serial}@${not_after}`];
  t.match(await at('two', ...certificate, '--dry-run'), { code: 0, out: /^would be revoked: serial/ });
  t.same(listed('two'), []);
  t.match(await at('two', ...certificate), {
    code: 0,
    err: '',
    out: /^revoked: serial .*, unknown identity, until 20/,
  });
  t.same(listed('two'), [leaf.serialNumber]);
  t.match(await at('two', '--certificate', '1@2020-01-01T00:00:00Z'), { code: 1, err: /that has not expired/ });
  for (const bad of ['1', '1@soon', 'x@2030-01-01T00:00:00Z', '1@2030-01-01']) {
    t.match(await at('two', '--certificate', bad), { code: 2, err: /expected a serial number in hex, an @, and when/ });
  }
});

t.test('below an offline root an operator has to say that no other intermediate issues', async (t) => {
  const root = TestCa.root('offline');
  const signer = root.intermediate('first');
  const { withTrail, issue, listed, file } = await cluster(
    t,
    authorityDirectory(t, { signer, chain: [signer], roots: [root] }),
  );
  const { caller } = await withTrail('one');
  const leaf = await issue(caller);
  const revoke = ['revoke', '--status-address', file('one'), '--serial', leaf.serialNumber];
  t.match(await runSidecert(t, revoke), {
    ...{ code: 1, out: '', err: /ERR_REVOCATION_REFUSED: .*first is an intermediate.*--sole-issuer/ },
  });
  t.same(listed('one'), []);
  t.match(await runSidecert(t, [...revoke, '--sole-issuer']), { code: 0, out: /^revoked: serial/ });
  t.same(listed('one'), [leaf.serialNumber]);
});
