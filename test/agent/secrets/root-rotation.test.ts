import { X509Certificate } from 'node:crypto';
import t from 'tap';
import { FakeCaServer } from '../../support/fake-ca-server.js';
import type { SdsClient } from '../../support/sds-client.js';
import { startSidecarAgent } from '../../support/sidecar-agent.js';
import { TestCa } from '../../support/test-ca.js';

const ENVOYS = 20;

const blocks = (pem: Uint8Array): X509Certificate[] =>
  (
    Buffer.from(pem)
      .toString()
      .match(/-----BEGIN[^-]+-----[^-]+-----END CERTIFICATE-----/g) ?? []
  ).map((block) => new X509Certificate(block));

const known = new Map<string, boolean>();

/** Each pair is looked at once: all of the fleet looks at all of it after each step, and its agent needs time, too. */
function isSignedBy(certificate: X509Certificate, root: X509Certificate): boolean {
  const pair = `${certificate.fingerprint256} ${root.fingerprint256}`;
  const verdict = known.get(pair) ?? certificate.verify(root.publicKey);
  known.set(pair, verdict);
  return verdict;
}

/** What one fake Envoy has applied: a stream for each secret, ACKed as it comes. */
class Held {
  chain: X509Certificate[] = [];
  roots: X509Certificate[] = [];
  bundles = 0;
  isOver = false;

  constructor(
    private readonly onApplied: () => void,
    certificate: SdsClient,
    bundle: SdsClient,
  ) {
    void this.#follow(certificate, 'default');
    void this.#follow(bundle, 'ROOTCA');
  }

  /** Whether a peer that shows this chain is let in. */
  trusts(chain: readonly X509Certificate[]): boolean {
    const last = chain.at(-1);
    return last === undefined || this.roots.some((root) => isSignedBy(last, root));
  }

  async #follow(stream: SdsClient, name: string): Promise<void> {
    stream.request({ names: [name], nodeId: 'test' });
    while (!this.isOver) {
      const response = await stream.expectResponse().catch(() => undefined);
      if (response === undefined) return;
      const [secret] = response.secrets;
      const chain = secret?.tlsCertificate?.certificateChain?.inlineBytes;
      if (chain) {
        this.chain = blocks(chain);
      }
      const roots = secret?.validationContext?.trustedCa?.inlineBytes;
      if (roots) {
        this.roots = blocks(roots);
        this.bundles += 1;
      }
      stream.ack(response);
      this.onApplied();
    }
  }
}

t.test(
  'row 46: in a fleet nobody is refused at any moment of a change of the root',
  { timeout: 250_000 },
  async (t) => {
    const ca = await FakeCaServer.start(t);
    // Nearly ten seconds are left when it is renewed: the agent waits for the streams for half of that.
    const { connect } = await startSidecarAgent(t, { ca, flags: { ttl: '12s', 'renew-at': '0.2' } });
    const connection = connect();
    const refusals: string[] = [];
    const fleet: Held[] = [];
    let wake = (): void => {};
    const onApplied = (): void => {
      for (const [from, { chain }] of fleet.entries()) {
        for (const [to, peer] of fleet.entries()) {
          if (peer.roots.length > 0 && !peer.trusts(chain)) refusals.push(`${from} by ${to}`);
        }
      }
      wake();
    };
    const until = async (isThere: (envoy: Held) => boolean): Promise<void> => {
      while (!fleet.every(isThere)) await new Promise<void>((resolve) => (wake = resolve));
    };
    for (let count = 0; count < ENVOYS; count += 1) {
      fleet.push(new Held(onApplied, connection.another(), connection.another()));
    }
    t.teardown(() => {
      for (const envoy of fleet) envoy.isOver = true;
    });
    await until(({ chain, roots }) => chain.length > 0 && roots.length === 1);

    const next = TestCa.root('next root');
    ca.fault = { kind: 'issues', signer: next.intermediate(), roots: String(next.certificatePem) };
    const isOfNextRoot = ({ chain }: Held): boolean => {
      const last = chain.at(-1);
      return last !== undefined && isSignedBy(last, next.certificate);
    };
    await until(({ roots }) => roots.length === 2);
    t.notOk(fleet.some(isOfNextRoot), 'all have both roots before anybody has the new leaf');
    await until(isOfNextRoot);
    await until(({ roots }) => roots.length === 1);
    t.ok(fleet.every(({ roots }) => roots[0]?.fingerprint256 === next.certificate.fingerprint256));
    t.ok(
      fleet.every(({ bundles }) => bundles === 3),
      'one bundle each: the old root, both, the new one',
    );
    t.same(refusals, []);
  },
);
