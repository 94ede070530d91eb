import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { startAgent } from '../../src/app/index.js';
import { COMMANDS } from '../../src/config/index.js';
import { until } from '../../src/demo/polling.js';
import { startCitadelProcess } from '../support/citadel-process.js';
import { PATIENCE_MS } from '../support/patience.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { openSdsClient } from '../support/sds-client.js';
import { settings } from '../support/settings.js';
import { shortDir } from '../support/short-dir.js';
import { SidecertProcess } from '../support/sidecert-process.js';
import { TokenIssuer } from '../support/test-tokens.js';

t.test(
  'an Envoy that acknowledges no new root keeps the next one from signing, by its name',
  { timeout: 250_000 },
  async (t) => {
    const directory = shortDir(t);
    const file = (name: string): string => join(directory, name);
    const issuer = new TokenIssuer();
    writeFileSync(file('token'), await issuer.token('foo', 'sleep'));
    const { address: ca } = await startCitadelProcess(t, { file, issuer });
    const config = settings(COMMANDS.agent, {
      ...{ socket: file('sds'), 'ca-address': ca, 'ca-root': file('root.pem'), 'token-file': file('token') },
      ...{ namespace: 'foo', 'service-account': 'sleep' },
    });
    // It asks for news of the roots at once, and then as often as it may.
    const context = { logger: new RecordingLogger(), now: Date.now, random: () => 0, nodeFlags: [] };
    const agent = await startAgent(config, context);
    t.teardown(() => agent.close());
    const connect = (nodeId: string) => {
      const client = openSdsClient(t, file('sds'));
      client.request({ names: ['ROOTCA'], nodeId });
      return client;
    };
    const [good, deaf] = [connect('good'), connect('deaf')];
    good.ack(await good.expectResponse(), { names: ['ROOTCA'] });
    const first = await deaf.expectResponse();
    deaf.ack(first, { names: ['ROOTCA'] });

    const root = async (step: string, ...flags: string[]) => {
      const asked = step === 'stage' ? [] : ['--status-address', file('status')];
      const command = new SidecertProcess(t, ['root', step, file('ca'), ...asked, ...flags]);
      return { code: await command.ended, out: command.out, err: command.err };
    };
    t.match(await root('stage'), { code: 0 });
    good.ack(await good.expectResponse(), { names: ['ROOTCA'] });
    const unacknowledged = await deaf.expectResponse();
    const named = await until('the deaf one to be named', AbortSignal.timeout(PATIENCE_MS), async () => {
      const { code, err } = await root('activate');
      t.equal(code, 1);
      return /spiffe:\/\/cluster\.local\/ns\/foo\/sa\/sleep.*: Envoy deaf/.test(err) ? err : undefined;
    });
    t.match(named, /1 workloads of the Citadel at .* do not have both roots yet/);
    t.notMatch(named, /good/);
    t.equal((readFileSync(file('ca/root-cert.pem'), 'utf8').match(/BEGIN/g) ?? []).length, 2);

    deaf.ack(unacknowledged, { names: ['ROOTCA'] });
    await until('the step to be taken', AbortSignal.timeout(PATIENCE_MS), async () => {
      return (await root('activate')).code === 0 || undefined;
    });
  },
);
