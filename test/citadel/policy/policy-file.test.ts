import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { openPolicyFile } from '../../../src/citadel/policy/index.js';
import { SpiffeId, TrustDomain } from '../../../src/pki/spiffe/index.js';
import { FLAG_TERMS } from '../../support/citadel.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { shortDir } from '../../support/short-dir.js';

const SLEEP = SpiffeId.parse('spiffe://cluster.local/ns/foo/sa/sleep');
const STRICT = 'defaults: { csr: strict }\n';

async function open(t: Test, text: string) {
  const path = join(shortDir(t), 'policy.yaml');
  writeFileSync(path, text);
  const logger = new RecordingLogger();
  let nowMs = 1_000_000;
  let act = (): void => {};
  const file = await openPolicyFile({
    ...{ path, logger, flags: FLAG_TERMS, trustDomain: TrustDomain.parse('cluster.local'), serverNames: [] },
    now: () => nowMs,
    every(_, tick) {
      act = tick;
      return () => {};
    },
  });
  t.teardown(() => file.close());
  /** The next look; resolves when `isDone`. */
  const look = async (isDone: () => boolean): Promise<void> => {
    nowMs += 2000;
    act();
    while (!isDone()) await new Promise(setImmediate);
  };
  return { path, logger, file, look };
}

t.test('a policy that changes is in use without a restart', async (t) => {
  const { path, logger, file, look } = await open(t, STRICT);
  t.equal(file.policy.termsFor(SLEEP).csr, 'strict');
  writeFileSync(`${path}.new`, 'defaults: { csr: any }\n');
  renameSync(`${path}.new`, path);
  await look(() => file.policy.termsFor(SLEEP).csr === 'any');
  t.match(logger.of('policy reloaded'), [{ level: 'info', fields: { path, count: 0 } }]);
});

t.test('a broken file keeps the last good policy, and says so; a mended one is in use again', async (t) => {
  const { path, logger, file, look } = await open(t, STRICT);
  writeFileSync(path, 'defaults: { csr: lax }\n');
  await look(() => file.problem !== undefined);
  t.equal(file.policy.termsFor(SLEEP).csr, 'strict');
  t.match(file.problem, /defaults\.csr: got "lax", expected one of any, strict$/);
  t.match(logger.of('policy could not be reloaded, the last good one stays'), [{ level: 'warn', fields: { path } }]);
  writeFileSync(path, STRICT);
  await look(() => file.problem === undefined);
  t.equal(file.policy.termsFor(SLEEP).csr, 'strict');
});

t.test('at the start a broken file is an error with all that is wrong', async (t) => {
  await t.rejects(open(t, 'defaults: { csr: lax, ttl: 1h }\nrules: 1'), {
    code: 'ERR_POLICY_INVALID',
    message: /policy\.yaml: rules: got 1, .*; defaults\.ttl: got "1h", .*; defaults\.csr: got "lax", /,
  });
});
