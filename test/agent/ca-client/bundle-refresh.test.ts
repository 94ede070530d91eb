import { randomBytes } from 'node:crypto';
import t from 'tap';
import { listSignerOf } from '../../../src/citadel/revocation/index.js';
import { Signer } from '../../../src/hotpath/index.js';
import { encodePem } from '../../../src/pki/x509/index.js';
import { writeRevocationList } from '../../../src/pki/x509/revocation-list-writer.js';
import { FakeCaServer } from '../../support/fake-ca-server.js';
import type { SdsResponse } from '../../support/sds-client.js';
import { startSidecarAgent } from '../../support/sidecar-agent.js';
import { TestCa } from '../../support/test-ca.js';

const rootsOf = ({ secrets }: SdsResponse): string => {
  const bundle = secrets.find(({ name }) => name === 'ROOTCA');
  return String(bundle?.validationContext?.trustedCa?.inlineBytes);
};
const next = TestCa.root('next').certificatePem;

t.test('a new root of the CA reaches Envoy without another certificate', async (t) => {
  const ca = await FakeCaServer.start(t);
  let give = (): void => {};
  const isGiven = new Promise<void>((resolve) => {
    give = resolve;
  });
  ca.answerBundle = async () => {
    await isGiven;
    return { version: '2', bundle: Buffer.concat([ca.rootPem, next]) };
  };
  const { ask, logger } = await startSidecarAgent(t, { ca, random: () => 0 });
  const { stream, response } = await ask('default', 'ROOTCA');
  t.equal(rootsOf(response), String(ca.rootPem));
  await ca.untilAskedForBundle(1);
  t.match(ca.bundleCalls, [/^Bearer /]);
  give();
  const pushed = await stream.expectResponse();
  t.equal(rootsOf(pushed), String(ca.rootPem) + String(next));
  t.equal(ca.calls.length, 1, 'one certificate');
  t.equal(logger.of('trust bundle changed').length, 1);
});

t.test('a CA without the method keeps its connection, and nothing is said of it', async (t) => {
  const { ask, ca, logger } = await startSidecarAgent(t, { random: () => 0 });
  await ask('default');
  await logger.until('ca has no method for its trust bundle');
  t.equal(ca.bundleCalls.length, 1);
  t.same(
    logger.lines.filter(({ level, message }) => level !== 'debug' && message.includes('bundle')),
    [],
  );
});

t.test('as many revoked certificates as a Citadel takes are taken over, on the lists of two keys', async (t) => {
  const ca = await FakeCaServer.start(t);
  const revoked = Array.from({ length: 10_000 }, () => {
    return { serial: randomBytes(16).toString('hex'), revokedAtMs: Date.now(), reason: 'keyCompromise' } as const;
  });
  const period = { thisUpdateMs: Date.now() - 3_600_000, nextUpdateMs: Date.now() + 3_600_000 };
  const lists = [TestCa.root('old'), TestCa.root('next')].map(async ({ certificatePem, privateKeyPem }) => {
    const signer = listSignerOf(Signer.load(certificatePem, privateKeyPem)).load();
    return encodePem('X509 CRL', await writeRevocationList(signer, { number: 1, revoked, ...period }));
  });
  const revocationLists = Buffer.concat(await Promise.all(lists));
  t.ok(revocationLists.length > 1024 * 1024);
  ca.answerBundle = async () => ({ version: '1', bundle: ca.rootPem, listsVersion: '1', revocationLists });
  const { ask, logger } = await startSidecarAgent(t, { ca, random: () => 0 });
  await ask('default', 'ROOTCA');
  t.match(await logger.until('revocation lists of the ca changed'), { fields: { count: 2 } });
});
