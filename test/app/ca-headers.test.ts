import t from 'tap';
import { startSidecarAgent } from '../support/sidecar-agent.js';

t.test('headers and signer of the command line reach the CA, and no line of the log has their values', async (t) => {
  const flags = { 'ca-header': ['X-Gateway-Key=s3cret', 'x-team=blue'], 'cert-signer': 'fast', 'cluster-id': 'west' };
  const { ca, ask, logger } = await startSidecarAgent(t, { flags });
  await ask('default', 'ROOTCA');
  t.match(ca.calls, [
    { headers: { 'x-gateway-key': 's3cret', 'x-team': 'blue' }, certSigner: 'fast', clusterId: ['west'] },
  ]);
  t.notMatch(logger.text, /s3cret|blue/);
});
