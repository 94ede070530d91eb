import { X509Certificate } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import t from 'tap';
import { startCitadel } from '../../support/citadel.js';
import { foreignCsr } from '../../support/foreign-csr.js';
import { openHotPath } from '../../support/hot-path.js';

const hotPath = openHotPath();
const csr = foreignCsr();
const seconds = (): number => Math.floor(Date.now() / 1000);
const endOf = (elements: readonly string[]): number =>
  Date.parse(new X509Certificate(elements[0] ?? '').validTo) / 1000;

t.test('a certificate may outlive its token, as Istio has it', async (t) => {
  const { caller, issuer } = await startCitadel(t, hotPath);
  const askedAt = seconds();
  const token = await issuer.token('foo', 'sleep', { exp: askedAt + 600 });
  const { elements } = await caller.call({ token, csr, validitySeconds: 3600 });
  t.ok(endOf(elements) >= askedAt + 3590);
});

t.test('a certificate that is bound to its token ends with it, or before', async (t) => {
  const { caller, issuer } = await startCitadel(t, hotPath, { flags: { bindsToToken: true } });
  const exp = seconds() + 600;
  const token = await issuer.token('foo', 'sleep', { exp });
  t.equal(endOf((await caller.call({ token, csr, validitySeconds: 3600 })).elements), exp);
  t.equal(endOf((await caller.call({ token, csr })).elements), exp, 'the default life is no exception');
  t.ok(endOf((await caller.call({ token, csr, validitySeconds: 60 })).elements) < exp);
});

t.test('a token without a useful life left gets no certificate that is bound to it', async (t) => {
  const { caller, issuer, logger } = await startCitadel(t, hotPath, { flags: { bindsToToken: true } });
  const token = await issuer.token('foo', 'sleep', { exp: seconds() + 3 });
  t.match(await caller.call({ token, csr }), { code: status.UNAUTHENTICATED, details: 'request authenticate failure' });
  t.match(logger.of('certificate refused'), [
    { fields: { code: 'ERR_TOKEN_EXPIRED', reason: /expected a life of at least 5 s/ } },
  ]);
});
