import protobuf from 'protobufjs';
import t from 'tap';
import { decodeCertificateResponse, encodeCertificateRequest } from '../../../src/agent/ca-client/ca-codec.js';

/**
 * By the numbers and types of Istio's published file, which test/net/protobuf/proto-official.test.ts pins for our own.
 */
const ISTIO = protobuf
  .parse(`
  syntax = "proto3";
  message Value { oneof kind { string string_value = 3; } }
  message Struct { map<string, Value> fields = 1; }
  message IstioCertificateRequest { string csr = 1; int64 validity_duration = 3; Struct metadata = 4; }
`)
  .root.lookupType('IstioCertificateRequest');

const read = (bytes: Buffer) => ISTIO.toObject(ISTIO.decode(bytes), { longs: Number });

t.test('a request says the CSR, the life in whole seconds, and an empty signer, however long the CSR is', async (t) => {
  for (const length of [1, 127, 128, 700, 16_383, 16_384, 70_000]) {
    const csr = 'x'.repeat(length);
    t.strictSame(read(encodeCertificateRequest(Buffer.from(csr), 1500)), {
      csr,
      validityDuration: 2,
      metadata: { fields: { CertSigner: { stringValue: '' } } },
    });
  }
});

t.test('each request says its own signer', async (t) => {
  const signers = ['a', 'b', ''].map((signer) => read(encodeCertificateRequest(Buffer.from('x'), 60_000, signer)));
  const said = signers.map(({ metadata }) => metadata.fields.CertSigner.stringValue);
  t.strictSame(said, ['a', 'b', '']);
});

t.test('each request says its own life', async (t) => {
  const lives = [60_000, 3600_000, 60_000].map((ttlMs) => read(encodeCertificateRequest(Buffer.from('x'), ttlMs)));
  t.match(lives, [{ validityDuration: 60 }, { validityDuration: 3600 }, { validityDuration: 60 }]);
});

t.test(
  'an answer with unknown fields of every kind, and its own as a number, is read as protobuf.js reads it',
  async (t) => {
    const Answer = protobuf
      .parse('syntax = "proto3"; message Answer { repeated string cert_chain = 1; }')
      .root.lookupType('Answer');
    const unknown = Buffer.from('7b0a01617c78017901020304050607087d010203040801', 'hex');
    const chain = ['leaf', '', 'root'];
    const bytes = Buffer.concat([unknown, Answer.encode(Answer.create({ certChain: chain })).finish(), unknown]);
    t.strictSame(Answer.toObject(Answer.decode(bytes)), { certChain: chain });
    t.same(decodeCertificateResponse(bytes).map(String), chain);
  },
);

t.test('of a million elements as many are kept as show that it is too many', async (t) => {
  const bytes = Buffer.alloc(1_000_000);
  for (let at = 0; at < bytes.length; at += 2) bytes[at] = 0x0a;
  t.equal(decodeCertificateResponse(bytes).length, 33);
});
