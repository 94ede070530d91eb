import { status } from '@grpc/grpc-js';
import t from 'tap';
import { ERROR_CODES, IdentityError } from '../../../src/errors/index.js';
import { status as ourStatus, toStatusObject } from '../../../src/net/grpc/index.js';

t.test('every error code has a status, and none is OK', async (t) => {
  for (const code of ERROR_CODES) {
    const told = toStatusObject(new IdentityError(code, 'x')).code;
    t.type(status[told], 'string', code);
    t.not(told, status.OK, code);
  }
});

const refusals = [
  { code: 'ERR_TOKEN_REFUSED', details: 'authentication failed' },
  { code: 'ERR_CA_REFUSED_TOKEN', details: 'authentication failed' },
  { code: 'ERR_TOKEN_MISSING', details: 'authentication failed: no token came with the stream' },
  { code: 'ERR_TOKEN_MALFORMED', details: 'authentication failed: what came with the stream is no bearer token' },
  { code: 'ERR_TOKEN_EXPIRED', details: 'authentication failed: the token has expired' },
] as const;
for (const { code, details } of refusals) {
  t.test(`${code} is told by fixed words: those that need a verifier read alike`, async (t) => {
    t.same(toStatusObject(new IdentityError(code, 'issuer evil, expected good')), {
      code: status.UNAUTHENTICATED,
      details,
    });
  });
}

t.test('another error of ours is told with its text, cut to a bound', async (t) => {
  t.same(toStatusObject(new IdentityError('ERR_CSR_INVALID', 'csr: no key')), {
    code: status.INVALID_ARGUMENT,
    details: 'csr: no key',
  });
  t.equal(toStatusObject(new IdentityError('ERR_CSR_INVALID', 'x'.repeat(10_000))).details.length, 512);
});

t.test('what is not ours says nothing', async (t) => {
  for (const error of [new Error('secret'), 'secret', undefined]) {
    t.same(toStatusObject(error), { code: status.INTERNAL, details: 'internal error' });
  }
});

t.test('the statuses are those of grpc-js', async (t) => {
  t.strictSame({ ...ourStatus }, { ...status });
});
