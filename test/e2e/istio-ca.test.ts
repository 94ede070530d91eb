import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { startAgent } from '../../src/app/index.js';
import { type IstioCa, NO_ISTIO_CA, startIstioCa } from '../support/istio-ca.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { openSdsClient } from '../support/sds-client.js';
import { shortDir } from '../support/short-dir.js';
import { agentConfig } from '../support/sidecar-agent.js';
import { TestCa } from '../support/test-ca.js';
import { TokenIssuer } from '../support/test-tokens.js';

// Our agent with istiod's own CA in place of Citadel.

const SPIFFE_ID = 'spiffe://cluster.local/ns/foo/sa/sleep';

/** A renewal every three seconds, of certificates that outlive the test. */
const RENEWALS = { ttl: '60s', 'renew-at': '0.05' };

const skip = NO_ISTIO_CA;

/** An agent of one workload, and what its Envoy has. */
async function workloadOf(t: Test, istiod: IstioCa, options: { token: string; rootPem?: string }) {
  const directory = shortDir(t);
  const file = (name: string): string => join(directory, name);
  const writeToken = (token: string): void => writeFileSync(file('token'), token);
  writeToken(options.token);
  writeFileSync(file('root.pem'), options.rootPem ?? istiod.rootPem);
  const logger = new RecordingLogger();
  const config = agentConfig({
    ...{ socket: file('s'), 'ca-address': istiod.address, 'ca-root': file('root.pem'), 'token-file': file('token') },
    ...{ namespace: 'foo', 'service-account': 'sleep', ...RENEWALS },
  });
  const agent = await startAgent(config, { logger, now: Date.now, random: Math.random, nodeFlags: [] });
  t.teardown(() => agent.close());
  const streamOf = (name: string) => {
    const stream = openSdsClient(t, file('s'));
    stream.request({ names: [name] });
    return async () => {
      const response = await stream.expectResponse();
      stream.ack(response);
      return response.secrets[0];
    };
  };
  const [nextSvid, nextBundle] = [streamOf('default'), streamOf('ROOTCA')];
  return {
    logger,
    writeToken,
    async nextChain(): Promise<X509Certificate[]> {
      const secret = await nextSvid();
      return certificatesIn(secret?.tlsCertificate?.certificateChain?.inlineBytes);
    },
    async nextBundle(): Promise<X509Certificate[]> {
      const secret = await nextBundle();
      return certificatesIn(secret?.validationContext?.trustedCa?.inlineBytes);
    },
  };
}

function certificatesIn(pem: Uint8Array | null | undefined): X509Certificate[] {
  const text = Buffer.from(pem ?? []).toString();
  return text.match(/-----BEGIN[\s\S]+?-----END CERTIFICATE-----/g)?.map((one) => new X509Certificate(one)) ?? [];
}

const serialsOf = (certificates: readonly X509Certificate[]): string[] =>
  certificates.map(({ serialNumber }) => serialNumber).sort();

/** Each link, by node:crypto. */
function isSigned(chain: readonly X509Certificate[], roots: readonly X509Certificate[]): boolean {
  const last = chain.at(-1);
  const links = chain.slice(1).every((above, at) => chain[at]?.verify(above.publicKey) === true);
  return links && roots.some(({ publicKey }) => last?.verify(publicKey) === true);
}

t.test('an agent gets and renews certificates of the root that istiod makes itself', { skip }, async (t) => {
  const issuer = new TokenIssuer({ alg: 'RS256' });
  const istiod = await startIstioCa(t, { issuer });
  const workload = await workloadOf(t, istiod, { token: await issuer.token() });
  const bundle = await workload.nextBundle();
  t.strictSame(serialsOf(bundle), serialsOf(certificatesIn(istiod.rootPem)));
  const leaves = [await workload.nextChain(), await workload.nextChain(), await workload.nextChain()];
  for (const chain of leaves) {
    t.equal(chain.length, 1);
    t.equal(chain[0]?.subjectAltName, `URI:${SPIFFE_ID}`);
    t.ok(isSigned(chain, bundle));
  }
  t.equal(new Set(leaves.map(([leaf]) => leaf?.serialNumber)).size, 3);
  t.equal(new Set(leaves.map(([leaf]) => leaf?.publicKey.export({ format: 'jwk' }).x)).size, 3, 'a new key each time');
});

t.test(
  'a token that istiod refuses is told by its code, and the next one brings a certificate',
  { skip },
  async (t) => {
    const issuer = new TokenIssuer({ alg: 'RS256' });
    const istiod = await startIstioCa(t, { issuer });
    const token = await issuer.token('foo', 'sleep', { aud: ['vault'] });
    const workload = await workloadOf(t, istiod, { token });
    const { fields } = await workload.logger.until('no valid svid');
    t.match(fields, { code: 'ERR_CA_REFUSED_TOKEN' });
    workload.writeToken(await issuer.token());
    t.equal((await workload.nextChain())[0]?.subjectAltName, `URI:${SPIFFE_ID}`);
  },
);

t.test(
  'a CA that istiod is given while it runs signs the next certificate, by the same root and another',
  { skip },
  async (t) => {
    const issuer = new TokenIssuer({ alg: 'RS256' });
    const [first, second] = [TestCa.root('first'), TestCa.root('second')];
    const rootsOf = (...cas: readonly TestCa[]): string =>
      cas.map(({ certificatePem }) => String(certificatePem)).join('');
    const signer = first.intermediate();
    const istiod = await startIstioCa(t, { issuer, pluggedIn: { signer, roots: rootsOf(first) } });
    const rootPem = rootsOf(first, second);
    const workload = await workloadOf(t, istiod, { token: await issuer.token(), rootPem });
    const roots = certificatesIn(Buffer.from(rootPem));
    const until = async (by: TestCa): Promise<X509Certificate[]> => {
      for (;;) {
        const chain = await workload.nextChain();
        if (chain[1]?.raw.equals(new X509Certificate(by.certificatePem).raw)) return chain;
      }
    };
    t.strictSame(serialsOf(await workload.nextBundle()), serialsOf(roots.slice(0, 1)));
    t.ok(isSigned(await until(signer), roots.slice(0, 1)));

    const next = first.intermediate();
    await istiod.plugIn({ signer: next, roots: rootsOf(first) });
    t.ok(isSigned(await until(next), roots.slice(0, 1)), 'another intermediate');

    await istiod.plugIn({ signer: next, roots: rootPem });
    t.strictSame(serialsOf(await workload.nextBundle()), serialsOf(roots), 'both roots first');

    const last = second.intermediate();
    await istiod.plugIn({ signer: last, roots: rootPem });
    t.ok(isSigned(await until(last), roots.slice(1)), 'then a leaf of the second');
  },
);
