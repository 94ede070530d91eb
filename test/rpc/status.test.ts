import { status } from '@grpc/grpc-js';
import t from 'tap';
import { ERROR_CODES, IdentityError } from '../../src/errors/index.js';
import { GRPC_STATUS, toStatusObject } from '../../src/rpc/index.js';

t.test('every error code has a status, and none is OK', async (t) => {
  t.same(Object.keys(GRPC_STATUS).sort(), [...ERROR_CODES].sort());
  for (const code of ERROR_CODES) t.not(GRPC_STATUS[code], status.OK, code);
});

t.test('all reasons to refuse a token read alike', async (t) => {
  const codes = ['ERR_TOKEN_MISSING', 'ERR_TOKEN_MALFORMED', 'ERR_TOKEN_EXPIRED', 'ERR_TOKEN_REFUSED'] as const;
  for (const code of [...codes, 'ERR_CA_REFUSED_TOKEN'] as const) {
    const told = toStatusObject(new IdentityError(code, 'issuer evil, expected good'));
    t.same(told, { code: status.UNAUTHENTICATED, details: 'authentication failed' }, code);
  }
});

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
