import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { startAgent } from '../../src/app/index.js';
import { COMMANDS } from '../../src/config/index.js';
import { startCitadelProcess } from '../support/citadel-process.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { rootSteps } from '../support/root-steps.js';
import { openSdsClient } from '../support/sds-client.js';
import { settings } from '../support/settings.js';
import { shortDir } from '../support/short-dir.js';
import { runSidecert, SidecertProcess } from '../support/sidecert-process.js';
import { TokenIssuer } from '../support/test-tokens.js';

/** Both mostly wait for an agent to tell its Citadel, beside one another. */
t.jobs = 2;

/** A Citadel, an agent that asks it for news of the roots at once and then as often as it may, and the commands. */
async function startMesh(t: Test, { hasTrail }: { readonly hasTrail: boolean }) {
  const directory = shortDir(t);
  const file = (name: string): string => join(directory, name);
  const issuer = new TokenIssuer();
  writeFileSync(file('token'), await issuer.token('foo', 'sleep'));
  const { address: ca } = await startCitadelProcess(t, {
    file,
    issuer,
    flags: hasTrail ? ['--trail-dir', file('trail')] : [],
  });
  const config = settings(COMMANDS.agent, {
    ...{ socket: file('sds'), 'ca-address': ca, 'ca-root': file('root.pem'), 'token-file': file('token') },
    ...{ namespace: 'foo', 'service-account': 'sleep' },
  });
  const logger = new RecordingLogger();
  const agent = await startAgent(config, { logger, now: Date.now, random: () => 0, nodeFlags: [] });
  t.teardown(() => agent.close());
  const connect = (nodeId: string, name: string) => {
    const client = openSdsClient(t, file('sds'));
    client.request({ names: [name], nodeId });
    return client;
  };
  const root = (step: string) =>
    runSidecert(t, ['root', step, file('ca'), ...(step === 'stage' ? [] : ['--status-address', file('status')])]);
  return { file, logger, connect, root, ...rootSteps(t, root) };
}

t.test(
  'an Envoy that acknowledges no new root keeps the next one from signing, by its name',
  { timeout: 250_000, buffered: true },
  async (t) => {
    const { file, connect, root, taken, refused } = await startMesh(t, { hasTrail: false });
    const [good, deaf] = [connect('good', 'ROOTCA'), connect('deaf', 'ROOTCA')];
    good.ack(await good.expectResponse(), { names: ['ROOTCA'] });
    const first = await deaf.expectResponse();
    deaf.ack(first, { names: ['ROOTCA'] });

    t.match(await root('stage'), { code: 0 });
    good.ack(await good.expectResponse(), { names: ['ROOTCA'] });
    const unacknowledged = await deaf.expectResponse();
    // Until the agent has told of the acknowledgement of the good one, that is in the way, too.
    const named = await refused(
      'activate',
      /: activate: 1 workloads of the Citadel at \S+ do not have both roots yet: [^;]*: Envoy deaf; --force/,
    );
    t.match(named, /spiffe:\/\/cluster\.local\/ns\/foo\/sa\/sleep/);
    t.notMatch(named, /good/);
    t.equal((readFileSync(file('ca/root-cert.pem'), 'utf8').match(/BEGIN/g) ?? []).length, 2);

    deaf.ack(unacknowledged, { names: ['ROOTCA'] });
    await taken('activate');
  },
);

t.test(
  'an Envoy that has all roots and takes no new leaf keeps the old root from going, by its name',
  { timeout: 250_000, buffered: true },
  async (t) => {
    const { file, logger, connect, root, taken, refused } = await startMesh(t, { hasTrail: true });
    /** Acknowledges all that comes, until the test is over. */
    const follow = async (nodeId: string, name: string): Promise<void> => {
      const client = connect(nodeId, name);
      for (let next = await client.nextResponse(); next !== undefined; next = await client.nextResponse())
        client.ack(next, { names: [name] });
    };
    void follow('good', 'default');
    void follow('good', 'ROOTCA');
    void follow('deaf', 'ROOTCA');
    const deaf = connect('deaf', 'default');
    deaf.ack(await deaf.expectResponse(), { names: ['default'] });

    t.match(await root('stage'), { code: 0 });
    await taken('activate');
    // From then on Citadel signs with the next one.
    await refused('retire', /have a certificate that would be refused: .*sa\/sleep/);
    // So that the agent asks for another leaf at once, while the one that the deaf Envoy keeps has a day left.
    const { fields } = await logger.until('svid issued');
    const revoke = new SidecertProcess(t, [
      ...['revoke', '--status-address', file('status'), '--serial', String(fields.serial)],
    ]);
    t.equal(await revoke.ended, 0);
    const unacknowledged = await deaf.nextResponse();
    const named = await refused(
      'retire',
      /: retire: 1 workloads of the Citadel at \S+ have a certificate that would be refused: [^;]*: Envoy deaf; --force/,
    );
    t.match(named, /spiffe:\/\/cluster\.local\/ns\/foo\/sa\/sleep/);
    t.notMatch(named, /good/);
    t.ok(unacknowledged);
    if (unacknowledged !== undefined) deaf.ack(unacknowledged, { names: ['default'] });
    await taken('retire');
  },
);
