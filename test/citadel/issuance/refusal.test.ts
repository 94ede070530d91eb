import t from 'tap';
import { refusalOf } from '../../../src/citadel/issuance/refusal.js';
import { ERROR_CODES, type ErrorCode, IdentityError } from '../../../src/errors/index.js';
import { status } from '../../../src/net/grpc/index.js';

const refusal = (code: ErrorCode) => refusalOf(new IdentityError(code, 'the reason'));

const cases = [
  { code: 'ERR_TOKEN_MISSING', want: status.UNAUTHENTICATED, details: 'request authenticate failure' },
  { code: 'ERR_TOKEN_MALFORMED', want: status.UNAUTHENTICATED, details: 'request authenticate failure' },
  { code: 'ERR_TOKEN_EXPIRED', want: status.UNAUTHENTICATED, details: 'request authenticate failure' },
  { code: 'ERR_TOKEN_REFUSED', want: status.UNAUTHENTICATED, details: 'request authenticate failure' },
  { code: 'ERR_CSR_INVALID', want: status.INVALID_ARGUMENT, details: 'CSR signing error (the reason)' },
  { code: 'ERR_TTL_TOO_LONG', want: status.INVALID_ARGUMENT, details: 'CSR signing error (the reason)' },
  { code: 'ERR_HOTPATH_FAILED', want: status.INTERNAL, details: 'CSR signing error (the reason)' },
  { code: 'ERR_CITADEL_NOT_READY', want: status.INTERNAL, details: 'CSR signing error (the reason)' },
  { code: 'ERR_CITADEL_OVERLOADED', want: status.RESOURCE_EXHAUSTED, details: 'the reason' },
  { code: 'ERR_CITADEL_DEADLINE', want: status.DEADLINE_EXCEEDED, details: 'the reason' },
  { code: 'ERR_HOTPATH_CLOSED', want: status.UNAVAILABLE, details: 'the reason' },
  { code: 'ERR_JWKS_INVALID', want: status.UNAVAILABLE, details: 'the reason' },
] as const;

for (const { code, want, details } of cases) {
  t.test(`${code} is told as ${status[want]}: ${details}`, async (t) => {
    t.strictSame(refusal(code), { code: want, details });
  });
}

t.test('what is no error of ours is told as nothing but internal', async (t) => {
  for (const error of [new Error('a secret'), 'a secret', undefined]) {
    t.strictSame(refusalOf(error), { code: status.INTERNAL, details: 'CSR signing error (internal error)' });
  }
});

t.test('a reason about the token never goes out, whatever it is', async (t) => {
  const told = ERROR_CODES.filter((code) => code.includes('TOKEN')).map(refusal);
  t.same(new Set(told.map(({ details }) => details)), new Set(['request authenticate failure']));
});

t.test('no reason of an UNAUTHENTICATED goes out, only which of three kinds it is', async (t) => {
  const told = ERROR_CODES.map(refusal).filter(({ code }) => code === status.UNAUTHENTICATED);
  t.same(
    new Set(told.map(({ details }) => details)),
    new Set([
      'request authenticate failure',
      'request impersonation authentication failure',
      'request names an unknown cert signer',
    ]),
  );
});
