import { existsSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
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
  const logger = new RecordingLogger();
  const context = { logger, now: Date.now, random: Math.random, nodeFlags: [] };
  const agent = await startAgent(config.config, context);
  t.teardown(() => agent.close());
  return { agent, logger, restSocket: flags['rest-socket'] ?? '' };
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
  const common = { 'hot-path': hotPathKind };

  t.test(`row 36: --rest decides what --rest-socket serves (${hotPathKind})`, { skip }, async (t) => {
    const directory = shortDir(t);
    const rest = (kind: string) => ({ rest: kind, 'rest-socket': join(directory, kind) });
    const { agent, restSocket } = await startSidecar(t, { ...common, ...rest('bundles') });
    t.same([(await poll(restSocket, 'ROOTCA')).statusCode, (await poll(restSocket, 'default')).statusCode], [200, 403]);
    t.equal(statSync(restSocket).mode & 0o777, 0o660);
    const envoy = openSdsClient(t, agent.address);
    envoy.request({ names: ['default'] });
    t.same((await envoy.expectResponse()).names, ['default'], 'and gRPC on its own as ever');
    const keys = await startSidecar(t, { ...common, ...rest('keys') });
    t.equal((await poll(keys.restSocket, 'default')).statusCode, 200);
    await agent.close();
    t.notOk(existsSync(restSocket));
  });

  t.test(`the socket of REST is put back when it was removed (${hotPathKind})`, { skip }, async (t) => {
    const flags = { ...common, rest: 'bundles', 'rest-socket': join(shortDir(t), 'r') };
    const { restSocket, logger } = await startSidecar(t, flags);
    unlinkSync(restSocket);
    await logger.until('socket had been removed, and was put back');
    t.equal((await poll(restSocket, 'ROOTCA')).statusCode, 200);
  });

  t.test(`HTTP/1 on the socket of gRPC is closed, and said in the log (${hotPathKind})`, { skip }, async (t) => {
    const { agent, logger } = await startSidecar(t, common);
    for (const _round of [1, 2]) await t.rejects(poll(agent.address, 'ROOTCA'), { code: /ECONNRESET|EPIPE/ });
    t.match(logger.of('connection broken by its peer'), [
      { level: 'warn', fields: { reason: 'got HTTP/1, expected HTTP/2' } },
    ]);
  });
}

t.test(
  'REST asks the kernel who its peers are, and lets in those users alone who may',
  { skip: NO_ADDON },
  async (t) => {
    const rest = () => ({ 'hot-path': 'native', rest: 'bundles', 'rest-socket': join(shortDir(t), 'r') });
    const own = process.geteuid?.() ?? 0;
    const allowed = await startSidecar(t, { ...rest(), 'allowed-uids': String(own) });
    t.equal((await poll(allowed.restSocket, 'ROOTCA')).statusCode, 200);
    const other = await startSidecar(t, { ...rest(), 'allowed-uids': String(own + 1) });
    await t.rejects(poll(other.restSocket, 'ROOTCA'), { code: /ECONNRESET|EPIPE/ });
    t.match(other.logger.of('connection refused'), [{ fields: { reason: 'uid_not_allowed', uid: own } }]);
  },
);
