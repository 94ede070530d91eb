import t from 'tap';
import { encodeTail, NONCE_CHARS, ResponseEncoder } from '../../../src/agent/sds/response-encoder.js';
import { responseLayout } from '../../../src/agent/sds/response-layout.js';
import type { ServedSecret } from '../../../src/agent/sds/secret-source.js';
import type { Sending } from '../../../src/agent/sds/sending.js';
import { SECRET_TYPE_URL } from '../../../src/agent/sds/type-url.js';
import { FRAME_PREFIX_BYTES } from '../../../src/net/grpc/index.js';
import { textSecret } from '../../support/fake-secret-source.js';
import { decodeResponse } from '../../support/sds-client.js';

const NONCE = '0'.repeat(NONCE_CHARS);

interface Named {
  readonly name: string;
  readonly secret: ServedSecret;
}

const NEW_ENCODER = () => new ResponseEncoder(responseLayout('sotw', 'agent'));

function sending(...named: readonly Named[]): Sending {
  const secrets = named.map(({ name, secret }) => {
    return { name, secret, content: { version: secret.version, kind: 'validation-context' } as const };
  });
  return { secrets, removed: [] };
}

/** The whole message as it goes to a stream, without the frame's prefix. */
function messageOf(secrets: readonly Named[], encoder = NEW_ENCODER()): Buffer {
  const frame = Buffer.concat([encoder.encode(sending(...secrets)).head, encodeTail(NONCE)]);
  return frame.subarray(FRAME_PREFIX_BYTES);
}

/** An encoder whose turns of the event loop are ended by `endTurn`. */
function encoderWithTurns() {
  let endTurn = (): void => {};
  const encoder = new ResponseEncoder(responseLayout('sotw', 'agent'), (act) => {
    endTurn = act;
  });
  return { encoder, endTurn: () => endTurn() };
}

t.test('a response reads back as what went in, whatever the lengths of its parts', async (t) => {
  for (const length of [0, 1, 100, 127, 128, 2_000, 16_383, 16_384, 70_000]) {
    const secrets = ['default', 'n'.repeat(length + 1)].map((name) => ({
      name,
      secret: textSecret('x'.repeat(length)),
    }));
    const response = decodeResponse(messageOf(secrets));
    t.same(response.names, ['default', 'n'.repeat(length + 1)]);
    t.match(response, { typeUrl: SECRET_TYPE_URL, nonce: NONCE, controlPlane: 'agent' });
    for (const { validationContext } of response.secrets) {
      t.equal(validationContext?.trustedCa?.inlineBytes?.length, length);
    }
  }
});

t.test('the prefix of the frame tells the length of head and tail together', async (t) => {
  const { head } = NEW_ENCODER().encode(sending({ name: 'default', secret: textSecret('leaf') }));
  const length = head.length + encodeTail(NONCE).length - FRAME_PREFIX_BYTES;
  t.same([head[0], head.readUInt32BE(1)], [0, length]);
});

t.test('one secret under two names is two resources', async (t) => {
  const secret = textSecret('leaf');
  const encoder = NEW_ENCODER();
  const names = ['default', 'spiffe://cluster.local/ns/foo/sa/sleep'];
  const both = messageOf(
    names.map((name) => ({ name, secret })),
    encoder,
  );
  t.same(decodeResponse(both).names, names);
  for (const name of names) t.same(decodeResponse(messageOf([{ name, secret }], encoder)).names, [name]);
});

t.test('the version of one secret is its own, that of several depends on all of them and on no order', async (t) => {
  const version = (...names: readonly string[]) =>
    decodeResponse(messageOf(names.map((name) => ({ name, secret: textSecret(name[0] ?? '') })))).version;
  t.equal(version('a'), textSecret('a').version);
  t.equal(version('a', 'b'), version('b', 'a'));
  t.equal(new Set([version('a'), version('a', 'b'), version('a1', 'b'), version('a', 'b', 'c')]).size, 4);
});

t.test('an empty response cannot be made', async (t) => {
  t.throws(() => NEW_ENCODER().encode(sending()), { code: 'ERR_INTERNAL' });
});

t.test('streams of one turn share the memory of a response, those of the next have their own', async (t) => {
  const { encoder, endTurn } = encoderWithTurns();
  const named = { name: 'default', secret: textSecret('leaf') };
  const [one, two] = [encoder.encode(sending(named)), encoder.encode(sending(named))];
  t.equal(one.head, two.head);
  t.not(encoder.encode(sending({ ...named, name: 'other' })).head, one.head);
  endTurn();
  t.not(encoder.encode(sending(named)).head, one.head);
});

t.test('a response is wiped when its turn is over and the last stream has written it, and not before', async (t) => {
  const { encoder, endTurn } = encoderWithTurns();
  const named = { name: 'default', secret: textSecret('leaf') };
  const [one, two] = [encoder.encode(sending(named)), encoder.encode(sending(named))];
  const { head } = two;
  one.release();
  endTurn();
  t.ok(two.head.includes('leaf'));
  two.release();
  t.same(head, Buffer.alloc(head.length));
  t.throws(() => two.head, { code: 'ERR_INTERNAL' }, 'nobody can send the zeros');
  const early = encoder.encode(sending(named));
  const earlyHead = early.head;
  early.release();
  t.ok(early.head.includes('leaf'), 'another stream of this turn may still take it');
  endTurn();
  t.notOk(earlyHead.includes('leaf'));
});

t.test('a response of several secrets is shared in its turn and wiped like one of a single secret', async (t) => {
  const { encoder, endTurn } = encoderWithTurns();
  const several = () => sending(...['a', 'b'].map((name) => ({ name, secret: textSecret(name) })));
  const [one, two] = [encoder.encode(several()), encoder.encode(several())];
  const { head } = two;
  t.equal(one.head, head);
  t.equal(one.contents, two.contents, 'what the streams remember of it is shared, too');
  one.release();
  two.release();
  t.ok(two.head.includes('a'));
  endTurn();
  t.same(head, Buffer.alloc(head.length));
});

t.test('a response does not lie in the shared pool, and the body is not kept', async (t) => {
  const { encoder, endTurn } = encoderWithTurns();
  const secret = textSecret('leaf');
  const { head } = encoder.encode(sending({ name: 'default', secret }));
  t.equal(head.buffer.byteLength, head.length);
  endTurn();
  secret.body.fill(0);
  t.notOk(encoder.encode(sending({ name: 'default', secret })).head.includes('leaf'));
});
