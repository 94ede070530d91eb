import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { listSignerOf, RevocationRegister } from '../../../src/citadel/revocation/index.js';
import { TrailWriter, verifyTrail } from '../../../src/citadel/trail/index.js';
import { messageOf } from '../../../src/errors/index.js';
import { Signer } from '../../../src/hotpath/index.js';
import { opensslBytes } from '../../hotpath/pki.js';
import { recordDisk } from '../../support/power-cut.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { shortDir } from '../../support/short-dir.js';
import { TestCa } from '../../support/test-ca.js';

// Some hundred disks, each started from.
t.setTimeout(300_000);

const HOUR_MS = 3_600_000;
const ca = TestCa.root('citadel');
const signer = listSignerOf(Signer.load(ca.certificatePem, ca.privateKeyPem));
const by = { reason: 'keyCompromise', by: 'uid 0', isTrial: false, isSoleIssuer: false } as const;
const X = 'spiffe://d/ns/a/sa/x';

/** As a Citadel has both: the register beside the trail. */
async function open(directory: string) {
  const trail = await TrailWriter.open({
    ...{ directory, replica: 'citadel-0', version: '1', mode: 'wait', maxWaitMs: 60_000, keepMs: 365 * 24 * HOUR_MS },
    ...{ logger: new RecordingLogger(), now: Date.now },
  });
  const notAfterMs = Date.now() + HOUR_MS;
  const register = await RevocationRegister.open({
    ...{ path: join(directory, 'revocations.json'), listPath: join(directory, 'crl.pem') },
    ...{ logger: new RecordingLogger(), signers: async () => [signer], leafLifeMs: () => 24 * HOUR_MS, now: Date.now },
    trail: {
      find: async (wanted) =>
        'serial' in wanted
          ? [{ serial: wanted.serial, identity: X, notAfterMs }]
          : ['b1', 'b2'].map((serial) => ({ serial, identity: X, notAfterMs })),
      revoked: (fields) => trail.revoked(fields),
    },
    every: () => () => {},
  });
  return {
    register,
    close: async () => {
      await register.close();
      await trail.close();
    },
  };
}

t.test('what was revoked stays so wherever the power goes, and the trail has its record', async (t) => {
  const place = shortDir(t);
  const disk = await recordDisk(place, async (promise) => {
    const { register, close } = await open(join(place, 'trail'));
    for (const order of [{ serial: 'a1' }, { identity: X }]) {
      for (const { serial } of await register.revoke(order, by)) promise(serial);
    }
    await close();
  });
  t.ok(disk.steps.some(({ kind }) => kind === 'rename'));
  const wrong: string[] = [];
  const count = await disk.eachCut(async ({ directory, promises, cut }) => {
    const trail = join(directory, 'trail');
    try {
      const { register, close } = await open(trail);
      const gone = promises.filter((serial) => !register.isRevoked(serial));
      if (gone.length > 0) throw new Error(`${gone.join(', ')} is valid again`);
      await close();
      const { fault } = await verifyTrail(trail);
      if (fault !== undefined) throw new Error(fault.what);
      const records = readdirSync(trail)
        .filter((name) => name.endsWith('.jsonl'))
        .map((name) => readFileSync(join(trail, name), 'utf8'))
        .join('');
      for (const serial of promises) {
        if (!new RegExp(`"event":"revoked","serial":"${serial}"`).test(records))
          throw new Error(`no record of ${serial}`);
      }
      if (promises.length === 0) return;
      const text = String(opensslBytes(['crl', '-text', '-noout'], readFileSync(join(trail, 'crl.pem'))));
      for (const serial of promises) {
        if (!text.includes(`Serial Number: ${serial.toUpperCase()}`)) throw new Error(`${serial} is on no list`);
      }
    } catch (error) {
      wrong.push(`${cut}: ${messageOf(error)}`);
    }
  });
  t.comment(`${disk.steps.length} steps, ${count} disks`);
  t.same(wrong, []);
});
