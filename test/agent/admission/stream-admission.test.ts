import t from 'tap';
import { StreamAdmission } from '../../../src/agent/admission/index.js';
import { RateLimitedLogger } from '../../../src/telemetry/index.js';
import { openHotPath } from '../../support/hot-path.js';
import { aStream, openNode } from '../../support/node-pods.js';

const hotPath = openHotPath();

t.test('a stream with two authorization values is refused: which of them counts is not ours to guess', async (t) => {
  const { gate, logger, token, clock } = openNode(t, hotPath);
  const admission = new StreamAdmission(gate, new RateLimitedLogger(logger, clock.now));
  const authorization = [`Bearer ${token()}`, `Bearer ${token()}`];
  await t.rejects(admission.admit({ authorization, connection: 7 }, aStream()), { code: 'ERR_TOKEN_MALFORMED' });
  t.match(logger.of('sds stream refused'), [{ fields: { connection: 7, error: /got 2 values/ } }]);
});

t.test('a refusal is charged to its connection, and a stream that is admitted holds its pod', async (t) => {
  const { ca, gate, pods, logger, token, clock } = openNode(t, hotPath);
  const admission = new StreamAdmission(gate, new RateLimitedLogger(logger, clock.now));
  const charged: number[] = [];
  const admit = (text: Buffer | string) => {
    const stream = { authorization: [`Bearer ${text}`], connection: 7, charge: (cost: number) => charged.push(cost) };
    return admission.admit(stream, aStream());
  };
  ca.fault = 'ERR_CA_REFUSED_TOKEN';
  await t.rejects(admit(token()), { code: 'ERR_CA_REFUSED_TOKEN' });
  t.equal(charged.length, 2, 'for the refusal, and for what the CA was asked');
  ca.fault = 'none';
  const lease = await admit(token({ podUid: 'another' }));
  t.equal(charged.length, 2);
  t.ok(lease.identity.hasValidSvid());
  t.equal(pods.statuses().length, 1);
  lease.release();
  lease.release();
});
