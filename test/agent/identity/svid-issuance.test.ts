import t from 'tap';
import { SvidIssuance } from '../../../src/agent/identity/index.js';
import { CancelSource } from '../../../src/cancellation/index.js';
import type { HotPath, SealedSvid } from '../../../src/hotpath/index.js';
import { SpiffeId } from '../../../src/pki/spiffe/index.js';
import { openHotPath } from '../../support/hot-path.js';
import { InProcessCa } from '../../support/in-process-ca.js';

const hotPath = openHotPath();

t.test('a certificate that is rewritten is used in its new form, and the sealed one is wiped', async (t) => {
  const sealed: SealedSvid[] = [];
  const recorded: Pick<HotPath, 'prepare' | 'seal'> = {
    prepare: (request, options) => hotPath.prepare(request, options),
    async seal(request, options) {
      const made = await hotPath.seal(request, options);
      sealed.push(made);
      return made;
    },
  };
  for (const fails of [false, true]) {
    const issuance = new SvidIssuance({
      ...{ keyType: 'ec-p256', ttlMs: 3600_000, issuer: new InProcessCa(hotPath, Date.now), hotPath: recorded },
      ...{ maxInFlight: 1, now: Date.now },
      rewriteCertificate(body) {
        if (fails) throw new Error('no form for it');
        return Buffer.concat([body, Buffer.from('more')]);
      },
    });
    const request = {
      ...{ spiffeId: SpiffeId.parse('spiffe://cluster.local/ns/foo/sa/sleep'), precedence: 'renewal' as const },
      ...{ token: { read: async () => Buffer.from('token') }, signal: new CancelSource(), isWanted: () => true },
    };
    const used = issuance.obtain(request, ({ certificateBody }) => certificateBody.subarray(-4).toString());
    if (fails) await t.rejects(used, { message: 'no form for it' });
    else t.equal(await used, 'more');
    t.notOk(sealed.at(-1)?.certificateBody.some((byte) => byte !== 0));
  }
});
