import t from 'tap';
import { NodeFiller, RequestWriter } from '../../src/fleet/xds/requests.js';
import { ResponseReader } from '../../src/fleet/xds/response-reader.js';
import { FRAME_PREFIX_BYTES } from '../../src/net/grpc/index.js';
import { officialXds } from './official-xds.js';
import { anyOf, bundleSecret, SECRET_TYPE_URL } from './secrets.js';

const xds = officialXds();
const whole = (text: string) => ({ start: 0, end: text.length });

for (const isDelta of [false, true]) {
  const request = xds.request(isDelta);
  const names = isDelta ? 'resourceNamesSubscribe' : 'resourceNames';
  const kind = isDelta ? 'delta' : 'SotW';

  t.test(`the first ${kind} request has exactly the size that was asked for, and a whole node`, async (t) => {
    const writer = new RequestWriter(isDelta, 'default');
    for (const size of [1000, 20_000, 55_000]) {
      const bytes = Buffer.concat(writer.first('sidecar~1', size, new NodeFiller()));
      t.equal(bytes.length, size);
      const { node, typeUrl, responseNonce, [names]: subscribed } = request.decode(bytes);
      t.match(
        { node, typeUrl, responseNonce, subscribed },
        {
          node: { id: 'sidecar~1', cluster: 'fleet', extensions: [{ category: 'envoy.filters.http' }] },
          typeUrl: SECRET_TYPE_URL,
          responseNonce: '',
          subscribed: ['default'],
        },
      );
    }
  });

  t.test(`a small first ${kind} request has no filler`, async (t) => {
    const bytes = Buffer.concat(new RequestWriter(isDelta, 'default').first('n', 0, new NodeFiller()));
    t.match(request.decode(bytes), { node: { id: 'n', extensions: [] } });
  });

  for (const length of [5, 127, 128, 400]) {
    t.test(`a ${kind} ACK names version and nonce of ${length} characters, and no node`, async (t) => {
      const nonce = 'n'.repeat(length);
      const frame = new RequestWriter(isDelta, 'default').ack(Buffer.from(nonce), whole(nonce), whole(nonce));
      const ack = request.decode(frame.subarray(FRAME_PREFIX_BYTES));
      t.match(ack, { responseNonce: nonce, typeUrl: SECRET_TYPE_URL, node: null, errorDetail: null });
      t.strictSame(ack[names], isDelta ? [] : ['default']);
      t.equal(ack.versionInfo, isDelta ? undefined : nonce);
    });
  }

  t.test(`a ${kind} NACK carries the error and no version`, async (t) => {
    const frame = new RequestWriter(isDelta, 'default').nack(Buffer.from('nonce'), whole('nonce'), 'no');
    const nack = request.decode(frame.subarray(FRAME_PREFIX_BYTES));
    t.match(nack, { responseNonce: 'nonce', errorDetail: { code: 13, message: 'no' } });
    t.ok(nack.versionInfo === undefined || nack.versionInfo === '');
  });

  t.test(`a ${kind} response is read in whatever order its fields come`, async (t) => {
    const any = anyOf('ROOTCA', bundleSecret(Buffer.from('pem')));
    const resources = isDelta ? [{ name: 'ROOTCA', version: 'v', resource: any }] : [any];
    const version = isDelta ? { systemVersionInfo: 'v1' } : { versionInfo: 'v1' };
    const parts = [
      { nonce: 'n1' },
      { resources },
      version,
      { typeUrl: SECRET_TYPE_URL },
      { controlPlane: { identifier: 'x' } },
    ];
    // A group of field 15, which nobody knows.
    const unknown = Buffer.from('7b0a01617c', 'hex');
    const bytes = Buffer.concat(parts.flatMap((part) => [unknown, xds.response(isDelta).encode(part)]));
    const reader = new ResponseReader(isDelta);
    reader.read(Buffer.concat([Buffer.from('..'), bytes, Buffer.from('..')]), 2, 2 + bytes.length);
    const text = ({ start, end }: { start: number; end: number }) => bytes.toString('latin1', start - 2, end - 2);
    t.match(reader, { resourceCount: 1, isOfSecrets: true });
    t.strictSame([text(reader.version), text(reader.nonce)], ['v1', 'n1']);
    t.match(text(reader.resource), /ROOTCA.*pem/s);
  });
}

t.test('what does not parse is refused', async (t) => {
  const reader = new ResponseReader(false);
  for (const octets of [
    [0x12, 5, 0],
    [0x80],
    [0x0b],
    [0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  ]) {
    t.throws(() => reader.read(Buffer.from(octets), 0, octets.length), RangeError);
  }
});
