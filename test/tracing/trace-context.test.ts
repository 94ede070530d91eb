import t from 'tap';
import { readTraceparent, writeTraceparent } from '../../src/tracing/trace-context.js';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';

const good = [
  { name: 'a sampled one', value: `00-${TRACE}-${SPAN}-01`, isSampled: true },
  { name: 'one that is not sampled', value: `00-${TRACE}-${SPAN}-00`, isSampled: false },
  { name: 'other flags beside', value: `00-${TRACE}-${SPAN}-ff`, isSampled: true },
  { name: 'other flags alone', value: `00-${TRACE}-${SPAN}-02`, isSampled: false },
  { name: 'a later version', value: `01-${TRACE}-${SPAN}-01`, isSampled: true },
  { name: 'a later version with more', value: `cc-${TRACE}-${SPAN}-01-what-the-future-brings`, isSampled: true },
];
for (const { name, value, isSampled } of good) {
  t.test(`${name} is read`, async (t) => {
    t.strictSame(readTraceparent([value]), { traceId: TRACE, spanId: SPAN, isSampled });
  });
}

const bad: { name: string; values: string[] }[] = [
  { name: 'none', values: [] },
  { name: 'an empty one', values: [''] },
  { name: 'two', values: [`00-${TRACE}-${SPAN}-01`, `00-${TRACE}-${SPAN}-01`] },
  { name: 'two in one', values: [`00-${TRACE}-${SPAN}-01,00-${TRACE}-${SPAN}-01`] },
  { name: 'more behind one of version 0', values: [`00-${TRACE}-${SPAN}-01-x`] },
  { name: 'the version that may not be', values: [`ff-${TRACE}-${SPAN}-01`] },
  { name: 'a trace of zeros', values: [`00-${'0'.repeat(32)}-${SPAN}-01`] },
  { name: 'a span of zeros', values: [`00-${TRACE}-${'0'.repeat(16)}-01`] },
  { name: 'capitals', values: [`00-${TRACE.toUpperCase()}-${SPAN}-01`] },
  { name: 'a short trace', values: [`00-${TRACE.slice(1)}-${SPAN}-01`] },
  { name: 'a long span', values: [`00-${TRACE}-${SPAN}0-01`] },
  { name: 'flags of one digit', values: [`00-${TRACE}-${SPAN}-1`] },
  { name: 'a line break', values: [`00-${TRACE}-${SPAN}-01\n`] },
  { name: 'a later version with very much', values: [`01-${TRACE}-${SPAN}-01-${'x'.repeat(8000)}`] },
];
for (const { name, values } of bad) {
  t.test(`${name}: no trace is gone on with`, async (t) => {
    t.equal(readTraceparent(values), undefined);
  });
}

t.test('what is written is read', async (t) => {
  const context = { traceId: TRACE, spanId: SPAN, isSampled: true };
  t.strictSame(readTraceparent([writeTraceparent(context)]), context);
});
