import t from 'tap';
import { decideValidity } from '../../../src/citadel/authority/issuing-policy.js';
import { codeOf } from '../../hotpath/pki.js';

const NOW_MS = Date.UTC(2026, 10, 24, 12, 0, 0);
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const FAR_MS = NOW_MS + 3650 * DAY_MS;

const TTL_LIMITS = { defaultTtlMs: DAY_MS, maxTtlMs: 90 * DAY_MS };

const granted = [
  { name: 'no ttl asks for the default', seconds: 0, ttlMs: DAY_MS },
  { name: 'a negative ttl asks for the default', seconds: -1, ttlMs: DAY_MS },
  { name: 'the least int64 asks for the default', seconds: -(2 ** 63), ttlMs: DAY_MS },
  { name: 'a minute is a minute', seconds: 60, ttlMs: 60_000 },
  { name: 'the maximum itself is granted', seconds: 90 * 24 * 3600, ttlMs: 90 * DAY_MS },
  { name: 'less than a useful life is raised to it', seconds: 1, ttlMs: 5000 },
  { name: 'parts of a second do not count', seconds: 60.9, ttlMs: 60_000 },
] as const;

for (const { name, seconds, ttlMs } of granted) {
  t.test(name, async (t) => {
    t.same(decideValidity(seconds, TTL_LIMITS, FAR_MS, NOW_MS), {
      notBeforeMs: NOW_MS - 120_000,
      notAfterMs: NOW_MS + ttlMs,
      ttlMs,
    });
  });
}

const refused = [
  { name: 'a second above the maximum', seconds: 90 * 24 * 3600 + 1, want: 'ERR_TTL_TOO_LONG' },
  { name: 'the largest int64', seconds: 2 ** 63, want: 'ERR_TTL_TOO_LONG' },
  { name: 'no number', seconds: Number.NaN, want: 'ERR_REQUEST_INVALID' },
  { name: 'infinity', seconds: Number.POSITIVE_INFINITY, want: 'ERR_TTL_TOO_LONG' },
] as const;

for (const { name, seconds, want } of refused) {
  t.test(`${name} is refused as ${want}`, async (t) => {
    t.equal(
      codeOf(() => decideValidity(seconds, TTL_LIMITS, FAR_MS, NOW_MS)),
      want,
    );
  });
}

t.test('a leaf never ends after its signer', async (t) => {
  const { notAfterMs, ttlMs } = decideValidity(3600, TTL_LIMITS, NOW_MS + 600_999, NOW_MS);
  t.equal(notAfterMs, NOW_MS + 600_000);
  t.equal(ttlMs, 600_000);
});

t.test('a default above the maximum is cut to it', async (t) => {
  const limits = { defaultTtlMs: DAY_MS, maxTtlMs: HOUR_MS };
  t.equal(decideValidity(0, limits, FAR_MS, NOW_MS).ttlMs, HOUR_MS);
});

for (const leftMs of [-1000, 0, 4999]) {
  t.test(`a signer with ${leftMs} ms left issues nothing`, async (t) => {
    t.equal(
      codeOf(() => decideValidity(3600, TTL_LIMITS, NOW_MS + leftMs, NOW_MS)),
      'ERR_CITADEL_NOT_READY',
    );
  });
}

t.test('within a second, times are those of its beginning', async (t) => {
  const validity = decideValidity(60, TTL_LIMITS, FAR_MS, NOW_MS + 999);
  t.same(validity, { notBeforeMs: NOW_MS - 120_000, notAfterMs: NOW_MS + 60_000, ttlMs: 60_000 });
});
