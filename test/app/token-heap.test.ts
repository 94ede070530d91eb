import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import t from 'tap';
import { startCitadel } from '../support/citadel.js';
import { heapOf, tokensIn } from '../support/heap-of.js';
import { openHotPath } from '../support/hot-path.js';
import { openSdsClient } from '../support/sds-client.js';
import { shortDir } from '../support/short-dir.js';
import { TokenIssuer } from '../support/test-tokens.js';

const hotPath = openHotPath();

/** As long as those of a cluster; what is another in each stands first. */
function tokenOf(issuer: TokenIssuer, podUid: string): Promise<string> {
  const bound = { namespace: 'foo', serviceaccount: { name: 'sleep' }, pod: { uid: podUid } };
  const claims = { ...issuer.claims(), 'kubernetes.io': bound, padding: 'x'.repeat(300) };
  return issuer.sign({ jti: randomUUID(), ...claims });
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

t.test('an agent has no token as text once a stream is served or refused; only copies that it wipes', async (t) => {
  const citadel = await startCitadel(t, hotPath);
  const directory = shortDir(t);
  const root = join(directory, 'root.pem');
  writeFileSync(root, citadel.rootPem);
  const { address, heap } = await heapOf(t, 'agent', {
    ...{ mode: 'node', socket: join(directory, 's'), 'ca-address': citadel.address, 'ca-root': root },
  });
  const tokens: string[] = [];
  for (const podUid of ['pod-1', 'pod-2', 'pod-3']) {
    const token = await tokenOf(citadel.issuer, podUid);
    const streams = [1, 2].map(() => openSdsClient(t, address, bearer(token)));
    for (const stream of streams) {
      stream.request({ names: ['default'] });
      stream.ack(await stream.expectResponse());
    }
    const forged = await tokenOf(new TokenIssuer(), podUid);
    t.equal((await openSdsClient(t, address, bearer(forged)).ended).code, status.UNAUTHENTICATED);
    tokens.push(token, forged);
  }
  t.strictSame(tokensIn(await heap(), tokens), []);
});
