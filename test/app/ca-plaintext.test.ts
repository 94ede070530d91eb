import t from 'tap';
import { FakeCaServer } from '../support/fake-ca-server.js';
import { startSidecarAgent } from '../support/sidecar-agent.js';

t.test('an agent that may ask in plain text serves its workload, and warns of what that costs', async (t) => {
  const ca = await FakeCaServer.start(t, { isPlaintext: true });
  const flags = { 'ca-root': [], 'ca-plaintext': 'true' };
  const { ask, logger } = await startSidecarAgent(t, { ca, flags });
  const { response } = await ask('default', 'ROOTCA');
  t.strictSame([...response.names].sort(), ['ROOTCA', 'default']);
  t.match(logger.of('calls to the ca are in plain text'), [
    { level: 'warn', fields: { address: ca.address, detail: /not verified.*token/ } },
  ]);
});

t.test('an agent that asks by TLS says nothing of plain text', async (t) => {
  const { ask, logger } = await startSidecarAgent(t);
  await ask('default', 'ROOTCA');
  t.notMatch(logger.text, /plain text/);
});
