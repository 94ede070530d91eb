import protojson from 'protobufjs/ext/protojson.js';
import t from 'tap';
import { JsonWriter } from '../../../src/agent/sds/rest/json-writer.js';
import { writeMembers } from '../../../src/agent/sds/rest/protobuf-json.js';
import { SECRET } from '../../../src/agent/sds/rest/secret-schema.js';
import { loadOfficial } from '../../support/official-protos.js';
import { seededRandom } from '../../support/prng.js';

// The judge is protobufjs' ProtoJSON with Envoy's own definitions: it reads what we write, and has to find the message.

const root = await loadOfficial([
  'envoy/extensions/transport_sockets/tls/v3/secret.proto',
  'envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config.proto',
]);
const Secret = root.lookupType('envoy.extensions.transport_sockets.tls.v3.Secret');
const Spiffe = root.lookupType('envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig');
const SPIFFE_URL = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig';

function toJson(body: Uint8Array): string {
  const writer = new JsonWriter();
  writer.raw('{');
  writeMembers(writer, Buffer.from(body), SECRET);
  return writer.raw('}').finish().toString();
}

const bytes = (text: string) => ({ inline_bytes: Buffer.from(text) });

const secrets = {
  'a certificate': { tls_certificate: { certificate_chain: bytes('chain'), private_key: bytes('key') } },
  'one with all that goes with it': {
    tls_certificate: {
      certificate_chain: { filename: '/a "quoted" path\n' },
      password: { inline_string: 'p\u2028é🚀' },
      ocsp_staple: bytes('\0\xff'),
      private_key: { environment_variable: 'KEY' },
    },
  },
  'a bundle': { validation_context: { trusted_ca: bytes('roots') } },
  'one with all that goes with it, too': {
    validation_context: {
      trusted_ca: bytes('roots'),
      crl: bytes('crl'),
      verify_certificate_hash: ['a', 'b'],
      verify_certificate_spki: ['c'],
      allow_expired_certificate: true,
      only_verify_leaf_cert_crl: true,
      max_verify_depth: { value: 7 },
      require_signed_certificate_timestamp: { value: true },
      match_typed_subject_alt_names: [
        { san_type: 3, matcher: { prefix: 'spiffe://cluster.local/' } },
        { san_type: 2, matcher: { safe_regex: { regex: '.*\\.local' }, ignore_case: true } },
      ],
    },
  },
  'ticket keys': { session_ticket_keys: { keys: [bytes('x'.repeat(80)), bytes('y'.repeat(80))] } },
  'a generic secret': { generic_secret: { secret: bytes('s'), secrets: { one: bytes('1'), two: bytes('2') } } },
  'a large one': { generic_secret: { secret: { inline_bytes: Buffer.alloc(100_000, 7) } } },
};

for (const [name, secret] of Object.entries(secrets)) {
  t.test(`row 36: ${name} in JSON is the same message`, async (t) => {
    const body = Secret.encode(Secret.fromObject(secret)).finish();
    const read = protojson.fromJsonString(Secret, toJson(body));
    t.same(Buffer.from(Secret.encode(read).finish()), Buffer.from(body));
  });
}

t.test('row 36: the SPIFFE validator is written as what it is', async (t) => {
  const config = { trust_domains: [{ name: 'a.example', trust_bundle: bytes('roots') }] };
  const value = Spiffe.encode(Spiffe.fromObject(config)).finish();
  const custom = { name: 'envoy.tls.cert_validator.spiffe', typed_config: { type_url: SPIFFE_URL, value } };
  const body = Secret.encode(Secret.fromObject({ validation_context: { custom_validator_config: custom } })).finish();
  const { typedConfig } = JSON.parse(toJson(body)).validationContext.customValidatorConfig;
  const { '@type': type, ...members } = typedConfig;
  t.equal(type, SPIFFE_URL);
  t.same(Buffer.from(Spiffe.encode(protojson.fromJson(Spiffe, members)).finish()), Buffer.from(value));
});

t.test('row 36: the delay of a key provider has its fraction', async (t) => {
  const type =
    'type.googleapis.com/envoy.extensions.private_key_providers.cryptomb.v3alpha.CryptoMbPrivateKeyMethodConfig';
  for (const [wire, want] of [
    ['120808011080cab5ee01', '1.5s'],
    ['120410c0843d', '0.001s'],
    ['12020803', '3s'],
  ] as const) {
    const typed_config = { type_url: type, value: Buffer.from(wire, 'hex') };
    const private_key_provider = { provider_name: 'cryptomb', typed_config, fallback: true };
    const body = Secret.encode(Secret.fromObject({ tls_certificate: { private_key_provider } })).finish();
    const { typedConfig, fallback } = JSON.parse(toJson(body)).tlsCertificate.privateKeyProvider;
    t.same([typedConfig, fallback], [{ '@type': type, pollDelay: want }, true]);
  }
});

t.test('what has no JSON here is refused, not left out', async (t) => {
  const unknownType = { type_url: 'type.googleapis.com/some.Other', value: Buffer.from('0801', 'hex') };
  const cases = {
    'an unknown field': Buffer.from('22032a0178', 'hex'),
    'another kind of secret': Buffer.from('3a0161', 'hex'),
    'an unknown enum': Secret.encode({
      validation_context: { match_typed_subject_alt_names: [{ san_type: 9 }] },
    }).finish(),
    'an unknown type': Secret.encode({
      validation_context: { custom_validator_config: { name: 'x', typed_config: unknownType } },
    }).finish(),
    'a certificate twice': Buffer.from('12001200', 'hex'),
  };
  for (const [name, body] of Object.entries(cases)) {
    t.throws(() => toJson(body), { code: 'ERR_INTERNAL' }, name);
  }
});

t.test('base64 is that of Node.js, whatever the bytes and their number', async (t) => {
  const random = seededRandom(3);
  for (let length = 0; length < 300; length += 1) {
    const value = Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)));
    const json = new JsonWriter().base64(value).finish().toString();
    if (json !== `"${value.toString('base64')}"`) t.fail(`${length} bytes`, { json });
  }
  t.pass('300 lengths');
});
