import { once } from 'node:events';
import type { ClientHttp2Stream } from 'node:http2';
import t, { type Test } from 'tap';
import { FRAME_PREFIX_BYTES, type GrpcCall, writeFramePrefix } from '../../../src/net/grpc/index.js';
import type { GrpcServerOptions } from '../../../src/net/grpc/server/grpc-server.js';
import { Metric, type MetricDefinition, MetricRegistry } from '../../../src/telemetry/index.js';
import { serveFramed } from '../../support/framed-endpoint.js';
import { serverMetrics } from '../../support/server-metrics.js';

const HOLD = '/test.Hold/Stream';
const HEADERS = { ':method': 'POST', ':path': HOLD, 'content-type': 'application/grpc', te: 'trailers' };

/** A server whose one method keeps what has come of a message, and never answers. */
async function serve(t: Test, options: Partial<GrpcServerOptions> = {}) {
  const registry = new MetricRegistry();
  let nowMs = 0;
  let tick = (): void => {};
  let onPart = (): void => {};
  const hold = (call: GrpcCall): void => {
    let kept = 0;
    call.listen({
      part(bytes) {
        kept += bytes.length;
        call.holds(kept);
        onPart();
      },
      halfClosed() {},
      gone() {},
    });
  };
  const served = await serveFramed(t, {
    metrics: serverMetrics(registry),
    now: () => nowMs,
    every: (_periodMs, act) => {
      tick = act;
      return () => {
        tick = () => {};
      };
    },
    ...options,
    methods: (server) => server.addMethod(HOLD, hold),
  });
  const valuesOf = ({ name }: MetricDefinition): Record<string, number> =>
    Object.fromEntries(
      registry.series().flatMap(({ definition, labels, metric }) => {
        if (definition.name !== name || !('value' in metric) || metric.value === 0) return [];
        return [[Object.values(labels).join(), metric.value] as const];
      }),
    );
  return {
    ...served,
    refusals: () => valuesOf(Metric.sdsCallsRefused),
    load() {
      served.server.showLoad();
      return { connections: valuesOf(Metric.sdsConnections), calls: valuesOf(Metric.sdsCalls) };
    },
    heldBytes: () => valuesOf(Metric.sdsHeldBytes)[''] ?? 0,
    nextPart: () => new Promise<void>((resolve) => (onPart = resolve)),
    pass(milliseconds: number) {
      nowMs += milliseconds;
      tick();
    },
  };
}

/** A message's prefix, and as many octets of it. */
function message(length: number, { flags = 0, sent = length } = {}): Buffer {
  const frame = Buffer.alloc(FRAME_PREFIX_BYTES + sent);
  writeFramePrefix(frame, length);
  frame[0] = flags;
  return frame;
}

const ended = (stream: ClientHttp2Stream) => once(stream.on('error', () => {}).resume(), 'close');

const cases: readonly { reason: string; headers?: object; sends?: Buffer }[] = [
  { reason: 'unimplemented', headers: { ':path': '/no.Such/Method' } },
  { reason: 'unimplemented', sends: message(1, { flags: 1 }) },
  { reason: 'too_large', sends: message(1 << 21, { sent: 0 }) },
  { reason: 'protocol', sends: message(10, { sent: 3 }) },
];
for (const [index, { reason, headers, sends }] of cases.entries()) {
  t.test(`a call that the server refuses is counted by its reason: ${reason} (${index})`, async (t) => {
    const { bare, refusals } = await serve(t);
    const stream = bare().request({ ...HEADERS, ...headers });
    stream.end(sends);
    await ended(stream);
    t.strictSame(refusals(), { [reason]: 1 });
  });
}

t.test('calls that have no place, or whose place others need, are counted', async (t) => {
  const { bare, refusals, load } = await serve(t, { calls: { max: 2, maxPerConnection: 1 } });
  const one = bare();
  const first = one.request(HEADERS);
  const second = one.request(HEADERS);
  await ended(second);
  t.strictSame(refusals(), { too_many: 1 });
  t.strictSame(load(), { connections: { '': 1 }, calls: { service: 1 } });
  for (const other of [bare(), bare()]) other.request(HEADERS).on('error', () => {});
  await ended(first);
  t.strictSame(refusals(), { too_many: 1, displaced: 1 });
});

t.test('what a call makes the server hold is shown, and a message that does not come is counted', async (t) => {
  const { bare, refusals, load, heldBytes, nextPart, pass } = await serve(t);
  const stream = bare().request(HEADERS);
  const part = nextPart();
  stream.write(message(1000, { sent: 500 }));
  await part;
  load();
  const held = heldBytes();
  t.ok(held >= 500 && held < 5000, `${held} octets`);
  pass(60_000);
  await ended(stream);
  t.strictSame(refusals(), { unfinished: 1 });
  load();
  t.equal(heldBytes(), 0);
});
