import t from 'tap';

const { coverageLines } = await import(new URL('../../../scripts/setup/coverage.mjs', import.meta.url).href);

const lines = (total: number, covered: number) => ({ lines: { total, covered, pct: (100 * covered) / total } });

t.test('coverage is told per room, without what is generated or bundled', async (t) => {
  const summary = {
    total: lines(999, 1),
    '/project/dist/sidecert.js': lines(10, 0),
    '/project/src/net/protobuf/gen/messages.js': lines(1000, 0),
    '/project/src/net/grpc/client/channel.ts': lines(100, 99),
    '/project/src/citadel/authn/a.ts': lines(100, 100),
    '/project/src/citadel/authn/b.ts': lines(100, 50),
    '/project/test/support/x.ts': lines(10, 0),
  };
  t.strictSame(coverageLines(summary, '/project'), [
    'coverage in lines, src/ without what is generated:',
    '  src/citadel/authn         75.0 % of    200  least: src/citadel/authn/b.ts 50 %',
    '  src/net/grpc              99.0 % of    100',
    '  all                       83.0 % of    300  least: src/citadel/authn/b.ts 50 %',
  ]);
});

t.test('a run that measured nothing prints nothing', async (t) => {
  t.strictSame(coverageLines({ total: lines(1, 1) }, '/project'), []);
});
