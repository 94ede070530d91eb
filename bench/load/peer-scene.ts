import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ecKeys } from '../../test/hotpath/pki.js';
import { type PemSecrets, serveGoControlPlane } from '../../test/support/go-control-plane.js';
import { TestCa } from '../../test/support/test-ca.js';
import { ProcessMeter } from './process-meter.js';
import { crowdFlags, measure, type Outcome, type Stage } from './scenes.js';

const HOUR_MS = 3_600_000;

/**
 * The scene of one identity, played by a bare server of go-control-plane: it has no agent, no Citadel and no checks in
 * it, and tells how fast this machine is today.
 */
export async function oneIdentityOfPeer(stage: Stage, firstRequestBytes: number): Promise<Outcome> {
  const directory = join(stage.directory, 'peer');
  await mkdir(directory, { mode: 0o700 });
  const ca = TestCa.root();
  let made = 0;
  const svid = (): Pick<PemSecrets, 'chain' | 'key'> => {
    const keys = ecKeys();
    made += 1;
    // Each ends later than the last: the fleet takes no older one for newer.
    const life = { notAfterMs: Date.now() + HOUR_MS + made * 60_000 };
    const chain = ca.leaf(keys, { uris: ['spiffe://cluster.local/ns/foo/sa/sleep'], ...life });
    return { chain, key: Buffer.from(keys.privateKey.export({ type: 'pkcs8', format: 'pem' })) };
  };
  const server = await serveGoControlPlane(directory, { ...svid(), bundle: ca.certificatePem });
  const meter = new ProcessMeter(server.pid);
  let next: NodeJS.Timeout | undefined;
  try {
    const flags = [...crowdFlags(stage.size, firstRequestBytes), '--socket', server.path];
    return await measure({ server: meter }, flags, stage, () => {
      next = setTimeout(() => server.rotate(svid()), stage.size.pauseMs);
    });
  } finally {
    clearTimeout(next);
    meter.stop();
    server.stop();
  }
}
