import { writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { startAgent } from '../../src/app/index.js';
import { COMMANDS, readConfig } from '../../src/config/index.js';
import { NO_ADDON } from '../hotpath/implementations.js';
import { startCitadel } from '../support/citadel.js';
import { openHotPath } from '../support/hot-path.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { openSdsClient } from '../support/sds-client.js';
import { shortDir } from '../support/short-dir.js';

const hotPath = openHotPath();

/** An agent of one workload, with these settings beside what it needs. */
async function startSidecar(t: Test, flags: Readonly<Record<string, string>>) {
  const citadel = await startCitadel(t, hotPath);
  const file = (name: string, content: string | Buffer): string => {
    const path = join(shortDir(t), name);
    writeFileSync(path, content);
    return path;
  };
  const settings = {
    ...{
      socket: join(shortDir(t), 's.sock'),
      'ca-address': citadel.address,
      'ca-root': file('root.pem', citadel.rootPem),
    },
    ...{ namespace: 'foo', 'service-account': 'sleep', ...flags },
    'token-file': file('token', await citadel.issuer.token('foo', 'sleep')),
  };
  const config = readConfig(COMMANDS.agent, {
    args: Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]),
    environment: {},
    files: { whyUnreadable: () => undefined, read: () => Buffer.alloc(0) },
  });
  if (config.kind !== 'ok') throw new Error(JSON.stringify(config));
  const context = { logger: new RecordingLogger(), now: Date.now, random: Math.random, nodeFlags: [] };
  const agent = await startAgent(config.config, context);
  t.teardown(() => agent.close());
  return agent;
}

function poll(socketPath: string, name: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path: '/v3/discovery:secrets', method: 'POST' }, resolve)
      .once('error', reject)
      .end(JSON.stringify({ resource_names: [name] }));
  });
}

for (const hotPathKind of ['native', 'js']) {
  const skip = hotPathKind === 'native' && NO_ADDON;
  t.test(
    `row 36: --rest decides what the socket of an agent serves over HTTP/1.1 (${hotPathKind})`,
    { skip },
    async (t) => {
      const common = { 'hot-path': hotPathKind };
      const bundles = await startSidecar(t, { ...common, rest: 'bundles' });
      t.same(
        [(await poll(bundles.address, 'ROOTCA')).statusCode, (await poll(bundles.address, 'default')).statusCode],
        [200, 403],
      );
      const envoy = openSdsClient(t, bundles.address);
      envoy.request({ names: ['default'] });
      t.same((await envoy.expectResponse()).names, ['default'], 'and gRPC beside it as ever');
      const keys = await startSidecar(t, { ...common, rest: 'keys' });
      t.equal((await poll(keys.address, 'default')).statusCode, 200);
      const off = await startSidecar(t, common);
      await t.rejects(poll(off.address, 'ROOTCA'), { code: /ECONNRESET|EPIPE/ });
    },
  );
}
