import t from 'tap';

/** Scripts run before anything is built, so they are plain JavaScript beside the sources. */
const { totalsOf, PlainFilter } = await import(new URL('../../../scripts/setup/tap-totals.mjs', import.meta.url).href);

const TAP = `TAP version 14
1..3
# Subtest: a.test.js
    # Subtest: outer
        # Subtest: inner good
            ok 1 - should be equal
            ok 2 - should be equal
            1..2
        ok 1 - inner good # time=4.287ms

        # Subtest: inner bad
            not ok 1 - should be equal
              ---
              diff: |
                ok 9 - quoted, not counted # SKIP
              ...
            1..1
        not ok 2 - inner bad # time=19.135ms
          ---
          at: somewhere
          ...
        1..2
    not ok 1 - outer # time=30.209ms
    ok 2 - skipped # SKIP no envoy
    # Subtest: empty
        1..0
    ok 3 - empty # time=0.737ms
    ok 4 - direct
    1..4
not ok 1 - a.test.js # time=40.05ms

# Subtest: b.test.js
    1..0 # no tests found
not ok 2 - b.test.js # time=590.56ms

# Subtest: c.test.js
    ok 1 - direct
    1..1
ok 3 - c.test.js # time=1ms
`;

t.test('the innermost tests are counted, and files that fail without one', async (t) => {
  t.strictSame(totalsOf(TAP), { passed: 3, failed: 2, skipped: 1 });
});

t.test('no output is no tests', async (t) => {
  t.strictSame(totalsOf(''), { passed: 0, failed: 0, skipped: 0 });
});

t.test('without a terminal only files, failures with their reasons, and tables are printed', async (t) => {
  const filter = new PlainFilter();
  const kept = `${TAP}----------|---------\nFile      | % Lines\n`.split('\n').filter((line) => filter.keeps(line));
  t.strictSame(kept, [
    '            not ok 1 - should be equal',
    '              ---',
    '              diff: |',
    '                ok 9 - quoted, not counted # SKIP',
    '              ...',
    '        not ok 2 - inner bad # time=19.135ms',
    '          ---',
    '          at: somewhere',
    '          ...',
    '    not ok 1 - outer # time=30.209ms',
    'not ok 1 - a.test.js # time=40.05ms',
    'not ok 2 - b.test.js # time=590.56ms',
    'ok 3 - c.test.js # time=1ms',
    '----------|---------',
    'File      | % Lines',
  ]);
});
