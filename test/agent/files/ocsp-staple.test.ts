import { X509Certificate } from 'node:crypto';
import t from 'tap';
import { checkStaple } from '../../../src/agent/files/ocsp-staple.js';
import { ocspResponse } from '../../support/ocsp-response.js';
import { TestCa } from '../../support/test-ca.js';

/** Where the text of the last GeneralizedTime in a response stands: that of nextUpdate. */
const lastTime = (der: Buffer): number => der.lastIndexOf(Buffer.from('180f32', 'hex')) + 2;

for (const { name, text } of [
  { name: 'a month that is none', text: '20301301000000Z' },
  { name: 'no zone', text: '203001010000000' },
  { name: 'a fraction in place of seconds', text: '203001010000.0Z' },
]) {
  t.test(`a staple whose nextUpdate cannot be read is refused, as Envoy refuses it: ${name}`, async (t) => {
    const ca = TestCa.root();
    const { certPem } = ca.server();
    const leaf = new X509Certificate(certPem);
    const staple = ocspResponse(t, ca, certPem);
    checkStaple(staple, leaf, Date.now());
    staple.write(text, lastTime(staple), 'latin1');
    t.throws(() => checkStaple(staple, leaf, Date.now()), {
      code: 'ERR_SECRET_FILE_INVALID',
      message: /OCSP staple: got/,
    });
  });
}
