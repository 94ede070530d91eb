import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { shortDir } from '../support/short-dir.js';
import { SLEEP, startSidecarAgent } from '../support/sidecar-agent.js';

const MESSAGE = 'sds secret asked for that is not served';

t.test('a name that can never have a secret is told with those that may, a few times for a connection', async (t) => {
  const directory = shortDir(t);
  writeFileSync(join(directory, 'roots.pem'), '');
  const flags = {
    'federated-bundle': `other.example=${join(directory, 'roots.pem')}`,
    'session-ticket-keys-name': 'tickets',
    'secret-dir': directory,
    'generic-secret': `oauth=${join(directory, 'oauth')}`,
  };
  const agent = await startSidecarAgent(t, { flags });
  const stream = agent.connect();
  stream.request({ names: ['defautl'], nodeId: 'sidecar~1' });
  const { level, fields } = await agent.logger.until(MESSAGE);
  t.equal(level, 'warn');
  t.match(fields, { resource_name: 'defautl', node_id: 'sidecar~1' });
  const served = ['default', SLEEP, 'ROOTCA', 'spiffe://cluster.local', 'ALL', 'tickets', 'spiffe://other.example'];
  t.equal(fields.served, [...served, 'oauth'].join(' '));

  for (let time = 0; time < 10; time += 1) stream.another().request({ names: ['ROOT'] });
  await stream.another().expectSilence();
  t.equal(agent.logger.of(MESSAGE).length, 4, 'a few times for a connection');

  const other = agent.connect();
  other.request({ names: [`${'x'.repeat(2000)}\u001b[31m`] });
  const second = await agent.logger.until(MESSAGE, 5);
  t.ok(String(second.fields.resource_name).length < 400, 'clipped');
  t.notMatch(String(second.fields.resource_name), '\u001b');
});

t.test('names that are served, or may be, are not told of', async (t) => {
  const agent = await startSidecarAgent(t);
  await agent.ask('default', 'ROOTCA');
  const stream = agent.connect();
  stream.request({ names: ['ALL', SLEEP] });
  stream.ack(await stream.expectResponse());
  t.strictSame(agent.logger.of(MESSAGE), []);
});
