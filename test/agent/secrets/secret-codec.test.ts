import { randomBytes } from 'node:crypto';
import t from 'tap';
import {
  encodeCertificate,
  encodeGenericSecret,
  encodeSessionTicketKeys,
  encodeSpiffeValidator,
  encodeValidationContext,
  trustedCaOf,
  withPrivateKeyProvider,
} from '../../../src/agent/secrets/secret-codec.js';
import { encodeMessage, fieldContent } from '../../../src/agent/secrets/wire-fields.js';
import { OfficialSecrets } from '../../support/official-secrets.js';

const official = new OfficialSecrets();

/** Lengths on both sides of the borders of a varint. */
const text = (length: number): Buffer => Buffer.alloc(length, 'x');
const inline = (inlineBytes: Uint8Array) => ({ inlineBytes });

t.test('a certificate, its key and its OCSP staple are read by the official definitions', async (t) => {
  for (const length of [0, 1, 127, 128, 16_383, 16_384, 70_000]) {
    const files = { chainPem: text(length), privateKeyPem: text(227), ocspStaple: text(length + 1) };
    t.same(official.secret(encodeCertificate(files)), {
      tlsCertificate: {
        certificateChain: inline(files.chainPem),
        privateKey: inline(files.privateKeyPem),
        ocspStaple: inline(files.ocspStaple),
      },
    });
  }
  const { tlsCertificate } = official.secret(encodeCertificate({ chainPem: text(9), privateKeyPem: text(9) }));
  t.notOk((tlsCertificate as Record<string, unknown>).ocspStaple, 'none when there is none');
});

const delays = [
  { pollDelayNs: 200_000, want: { nanos: 200_000 } },
  { pollDelayNs: 20_000_000, want: { nanos: 20_000_000 } },
  { pollDelayNs: 3_000_000_000, want: { seconds: 3 } },
  { pollDelayNs: 1_500_000_000, want: { seconds: 1, nanos: 500_000_000 } },
] as const;
for (const name of ['cryptomb', 'qat'] as const) {
  for (const { pollDelayNs, want } of delays) {
    t.test(`the key goes to ${name}, with the whole of a poll delay of ${pollDelayNs} ns`, async (t) => {
      const plain = encodeCertificate({ chainPem: text(900), privateKeyPem: text(241) });
      const dressed = official.secret(withPrivateKeyProvider(plain, { name, pollDelayNs, fallback: true }));
      const { tlsCertificate } = dressed as { tlsCertificate: Record<string, unknown> };
      const { privateKeyProvider, ...rest } = tlsCertificate;
      t.same(rest, { certificateChain: inline(text(900)) }, 'private_key is not there beside the provider');
      const { typedConfig, ...provider } = privateKeyProvider as {
        typedConfig: { type_url: string; value: Uint8Array };
      };
      t.same(provider, { providerName: name, fallback: true });
      t.match(
        typedConfig.type_url,
        new RegExp(`^type.googleapis.com/envoy.*\\.${name}\\.v3alpha\\..*MethodConfig$`, 'i'),
      );
      t.same(official.providerConfig(typedConfig.value), { privateKey: inline(text(241)), pollDelay: want });
    });
  }
}

t.test('without fallback Envoy is told nothing of it, which is its default', async (t) => {
  const plain = encodeCertificate({ chainPem: text(9), privateKeyPem: text(9) });
  const body = withPrivateKeyProvider(plain, { name: 'qat', pollDelayNs: 1_000_000, fallback: false });
  const { tlsCertificate } = official.secret(body) as { tlsCertificate: { privateKeyProvider: object } };
  t.notOk('fallback' in tlsCertificate.privateKeyProvider);
});

t.test('a validation context has its roots, its CRL and its matchers', async (t) => {
  const body = encodeValidationContext(text(700), {
    crlPem: text(300),
    peerUris: [
      { kind: 'exact', value: 'spiffe://a.example/x' },
      { kind: 'prefix', value: 'spiffe://b.example/' },
    ],
  });
  t.same(official.secret(body), {
    validationContext: {
      trustedCa: inline(text(700)),
      crl: inline(text(300)),
      matchTypedSubjectAltNames: [
        { sanType: 'URI', matcher: { exact: 'spiffe://a.example/x' } },
        { sanType: 'URI', matcher: { prefix: 'spiffe://b.example/' } },
      ],
    },
  });
  t.same(trustedCaOf(body), text(700));
});

t.test('row 44: the config of the SPIFFE validator has a domain each, by its bare name', async (t) => {
  const bundles = new Map([
    ['a.example', text(600)],
    ['b.example', text(601)],
  ]);
  const { validationContext } = official.secret(encodeSpiffeValidator(bundles)) as {
    validationContext: {
      customValidatorConfig: { name: string; typedConfig: { type_url: string; value: Uint8Array } };
    };
  };
  const { name, typedConfig } = validationContext.customValidatorConfig;
  t.equal(name, 'envoy.tls.cert_validator.spiffe');
  t.equal(
    typedConfig.type_url,
    'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig',
  );
  t.same(official.spiffeConfig(typedConfig.value), {
    trustDomains: [
      { name: 'a.example', trustBundle: inline(text(600)) },
      { name: 'b.example', trustBundle: inline(text(601)) },
    ],
  });
});

t.test('row 45: session ticket keys stand in the order given', async (t) => {
  const keys = [randomBytes(80), randomBytes(80)];
  t.same(official.secret(encodeSessionTicketKeys(keys)), { sessionTicketKeys: { keys: keys.map(inline) } });
});

t.test('a generic secret is the bytes of its file', async (t) => {
  const content = randomBytes(300);
  t.same(official.secret(encodeGenericSecret(content)), { genericSecret: { secret: inline(content) } });
});

t.test('what would be a mistake of ours is an error', async (t) => {
  t.throws(() => encodeMessage([{ number: 16, value: 'x' }]), RangeError);
  t.throws(() => fieldContent(encodeMessage([{ number: 1, value: 7 }]), 1), RangeError);
});
