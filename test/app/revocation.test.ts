import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import t from 'tap';
import { startAgent } from '../../src/app/index.js';
import { COMMANDS } from '../../src/config/index.js';
import { startCitadel } from '../support/citadel.js';
import { openHotPath } from '../support/hot-path.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { openSdsClient } from '../support/sds-client.js';
import { settings } from '../support/settings.js';
import { shortDir } from '../support/short-dir.js';
import { stubAuthenticator } from '../support/stub-authenticator.js';
import { TokenIssuer } from '../support/test-tokens.js';

const hotPath = openHotPath();
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

t.test(
  'at the renewal after a pod was revoked none of its tokens gets the key any more; other pods are served',
  async (t) => {
    const issuer = new TokenIssuer();
    const tokenOf = (podUid: string, jti: string): Promise<string> =>
      issuer.token('foo', 'sleep', {
        jti,
        'kubernetes.io': { namespace: 'foo', serviceaccount: { name: 'sleep' }, pod: { uid: podUid } },
      });
    const revoked = new Set<string>();
    const authenticator = stubAuthenticator((token) => (revoked.has(token) ? 'the pod is gone' : undefined));
    const citadel = await startCitadel(t, hotPath, { authenticator });
    const directory = shortDir(t);
    const [socket, root] = [join(directory, 's'), join(directory, 'root.pem')];
    writeFileSync(root, citadel.rootPem);
    const agent = await startAgent(
      settings(COMMANDS.agent, { mode: 'node', socket, 'ca-address': citadel.address, 'ca-root': root, ttl: '8s' }),
      { logger: new RecordingLogger(), now: Date.now, random: Math.random, nodeFlags: [] },
    );
    t.teardown(() => agent.close());

    const six = await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map((jti) => tokenOf('pod-1', jti)));
    const streams = [];
    for (const token of six) {
      const stream = openSdsClient(t, socket, bearer(token));
      stream.request({ names: ['ROOTCA'] });
      stream.ack(await stream.expectResponse());
      streams.push(stream);
    }
    const other = openSdsClient(t, socket, bearer(await tokenOf('pod-2', 'a')));
    other.request({ names: ['default'] });
    other.ack(await other.expectResponse());

    for (const token of six) revoked.add(token);
    for (const { ended } of streams) t.equal((await ended).code, status.OK, 'its open streams start anew');
    for (const token of six) {
      t.equal((await openSdsClient(t, socket, bearer(token)).ended).code, status.UNAUTHENTICATED);
    }
    other.ack(await other.expectResponse());
    t.pass('the other pod has been renewed');
  },
);
