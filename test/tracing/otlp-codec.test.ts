import t from 'tap';
import { encodeTraces, readRejectedSpans } from '../../src/tracing/otlp-codec.js';
import type { EndedSpan } from '../../src/tracing/spans.js';
import { officialOtlp, readAsOfficialOtlp } from '../support/official-otlp.js';

const { skip } = officialOtlp();

const SPAN: EndedSpan = {
  traceId: '0102030405060708090a0b0c0d0e0f10',
  spanId: 'a1a2a3a4a5a6a7a8',
  parentSpanId: 'b1b2b3b4b5b6b7b8',
  name: 'svid.issue',
  kind: 'internal',
  startedAtMs: 1_790_000_000_000.125,
  endedAtMs: 1_790_000_000_001,
  attributes: new Map<string, string | number | boolean>([
    ['text', 'grün'],
    ['whole', 14],
    ['large', Number.MAX_SAFE_INTEGER],
    ['part', 0.25],
    ['below', -3],
    ['yes', true],
    ['no', false],
    ['empty', ''],
    ['long', 'x'.repeat(300)],
  ]),
  isFailed: false,
};

t.test('the official definitions read what is written, and all of it', { skip }, async (t) => {
  const source = { resource: { 'service.name': 'sidecert-agent' }, version: '1.2.3' };
  const failed: EndedSpan = { ...SPAN, parentSpanId: undefined, kind: 'server', attributes: new Map(), isFailed: true };
  const [read] = readAsOfficialOtlp([encodeTraces(source, [SPAN, failed, { ...SPAN, kind: 'client' }])]);
  t.equal(read?.hasUnknownFields, false);
  const base64 = (hex: string): string => Buffer.from(hex, 'hex').toString('base64');
  const span = {
    ...{ traceId: base64(SPAN.traceId), spanId: base64(SPAN.spanId), parentSpanId: base64('b1b2b3b4b5b6b7b8') },
    ...{ name: 'svid.issue', startTimeUnixNano: '1790000000000125000', endTimeUnixNano: '1790000000001000000' },
    attributes: [
      { key: 'text', value: { stringValue: 'grün' } },
      { key: 'whole', value: { intValue: '14' } },
      { key: 'large', value: { intValue: '9007199254740991' } },
      { key: 'part', value: { doubleValue: 0.25 } },
      { key: 'below', value: { doubleValue: -3 } },
      { key: 'yes', value: { boolValue: true } },
      { key: 'no', value: { boolValue: false } },
      { key: 'empty', value: { stringValue: '' } },
      { key: 'long', value: { stringValue: 'x'.repeat(300) } },
    ],
  };
  const { parentSpanId: _, attributes: __, ...bare } = span;
  t.strictSame(read?.request, {
    resourceSpans: [
      {
        resource: { attributes: [{ key: 'service.name', value: { stringValue: 'sidecert-agent' } }] },
        scopeSpans: [
          {
            scope: { name: 'sidecert', version: '1.2.3' },
            spans: [
              { ...span, kind: 'SPAN_KIND_INTERNAL' },
              { ...bare, kind: 'SPAN_KIND_SERVER', status: { code: 'STATUS_CODE_ERROR' } },
              { ...span, kind: 'SPAN_KIND_CLIENT' },
            ],
          },
        ],
      },
    ],
  });
});

const answers = [
  { name: 'an empty answer', hex: '', rejected: 0 },
  { name: 'a partial success', hex: '0a0408071200', rejected: 7 },
  { name: 'a partial success with more than 32 bits', hex: '0a0608808080801012', rejected: 0 },
  { name: 'a number of another type', hex: '0a050a03313233', rejected: 0 },
  { name: 'no message', hex: 'ff', rejected: 0 },
  { name: 'text', hex: Buffer.from('{"partialSuccess":{}}').toString('hex'), rejected: 0 },
];
for (const { name, hex, rejected } of answers) {
  t.test(`${name} says that ${rejected} spans were rejected`, async (t) => {
    t.equal(readRejectedSpans(Buffer.from(hex, 'hex')), rejected);
  });
}
