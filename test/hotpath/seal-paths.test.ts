import t from 'tap';
import { envoy } from '../../src/net/protobuf/index.js';
import { encodePem } from '../../src/pki/x509/index.js';
import * as odd from '../support/odd-certificates.js';
import { IMPLEMENTATIONS } from './implementations.js';
import { HOUR_MS, NOW_MS, pkcs8, SLEEP } from './pki.js';

/** What a chain may look like, and what its leaf and its issuers must be, so that all peers accept what is served. */

const { Secret } = envoy.extensions.transport_sockets.tls.v3;

interface Ca {
  readonly subject: Buffer;
  readonly keys: odd.OddKeys;
  readonly der: Buffer;
}

interface CaShape {
  readonly keys?: odd.OddKeys;
  readonly issuer?: Ca;
  readonly more?: readonly Buffer[];
  readonly pathLength?: number;
  readonly usage?: Buffer;
  readonly life?: readonly [fromHours: number, toHours: number];
  readonly hash?: 'sha1';
}

function ca(name: string, shape: CaShape = {}): Ca {
  const { keys = odd.oddKeys('p256'), more = [], life: [from, to] = [-1, 1] } = shape;
  const subject = odd.oddName(['O', name]);
  const issuer = shape.issuer ?? { subject, keys };
  const der = odd.oddCertificate({
    ...{ subject, publicKey: keys.publicKey, issuer: { subject: issuer.subject, privateKey: issuer.keys.privateKey } },
    ...{ notBeforeMs: NOW_MS + from * HOUR_MS, notAfterMs: NOW_MS + to * HOUR_MS },
    extensions: [
      odd.caConstraints(shape.pathLength),
      shape.usage ?? odd.keyUsage('keyCertSign', 'cRLSign'),
      ...odd.keyIdentifiers(keys.publicKey, issuer.keys.publicKey),
      ...more,
    ],
    ...(shape.hash && { hash: shape.hash }),
  });
  return { subject, keys, der };
}

const leafKeys = odd.oddKeys('p256');

interface LeafShape {
  readonly usage?: Buffer | undefined;
  readonly extended?: readonly (keyof typeof odd.EXTENDED)[];
  readonly names?: readonly Buffer[];
  readonly more?: readonly Buffer[];
  readonly hash?: 'sha1';
}

function leafOf(issuer: Ca, shape: LeafShape = {}): Buffer {
  const { extended = ['server', 'client'], names = [odd.general.uri(SLEEP)], more = [] } = shape;
  const usage = 'usage' in shape ? shape.usage : odd.keyUsage('digitalSignature', 'keyEncipherment');
  return odd.oddCertificate({
    ...{ subject: odd.oddName(), publicKey: leafKeys.publicKey },
    issuer: { subject: issuer.subject, privateKey: issuer.keys.privateKey },
    ...{ notBeforeMs: NOW_MS - HOUR_MS, notAfterMs: NOW_MS + HOUR_MS },
    extensions: [
      ...(usage === undefined ? [] : [usage]),
      ...(extended.length === 0 ? [] : [odd.extendedKeyUsage(...extended)]),
      odd.alternativeNames(...names),
      ...odd.keyIdentifiers(leafKeys.publicKey, issuer.keys.publicKey),
      ...more,
    ],
    ...(shape.hash && { hash: shape.hash }),
  });
}

const pemOf = (ders: readonly Buffer[]): Buffer => Buffer.concat(ders.map((der) => encodePem('CERTIFICATE', der)));

const old = ca('old root');
const root = ca('new root');
const cross = ca('new root', { keys: root.keys, issuer: old });
const upper = ca('upper', { issuer: root });
const lower = ca('lower', { issuer: upper });
const expired = ca('new root', { keys: root.keys, life: [-3, -2] });
const future = ca('new root', { keys: root.keys, life: [1, 2] });
const foreign = ca('foreign');

/** Two CAs that have certified each other fifteen times: without a bound, the paths through them are beyond number. */
const [one, two] = [ca('one'), ca('two')];
const manyCrossed = Array.from({ length: 15 }, (_, index) => [
  ca('one', { keys: one.keys, issuer: two, life: [-1, 1 + index] }).der,
  ca('two', { keys: two.keys, issuer: one, life: [-1, 1 + index] }).der,
]).flat();

interface Accepted {
  readonly name: string;
  readonly issuer: Ca;
  readonly leaf?: LeafShape;
  readonly others: readonly Ca[];
  readonly bundle: readonly Ca[];
  /** What is served behind the leaf. */
  readonly shown: readonly Ca[];
  /** The trust bundle that is served: that of the CA unless it is another one. */
  readonly served?: readonly Ca[];
}

const accepted: readonly Accepted[] = [
  {
    name: 'a cross-signed root behind its intermediate',
    issuer: upper,
    others: [upper, cross],
    bundle: [root],
    shown: [upper],
  },
  {
    name: 'a cross-signed root, both roots trusted',
    issuer: upper,
    others: [upper, cross],
    bundle: [old, root],
    shown: [upper],
  },
  {
    name: 'a cross-signed root, the old one trusted',
    issuer: upper,
    others: [upper, cross],
    bundle: [old],
    shown: [upper, cross],
  },
  {
    name: 'intermediates in another order',
    issuer: lower,
    others: [upper, lower],
    bundle: [root],
    shown: [lower, upper],
  },
  { name: 'an intermediate as trust anchor', issuer: upper, others: [upper], bundle: [upper], shown: [upper] },
  {
    name: 'an intermediate as trust anchor that is in the bundle alone',
    issuer: upper,
    others: [],
    bundle: [upper],
    shown: [upper],
  },
  {
    name: 'an intermediate in the bundle, with its root',
    issuer: lower,
    others: [lower],
    bundle: [upper, root],
    shown: [lower, upper],
  },
  {
    name: 'all issuers in the bundle',
    ...{ issuer: lower, others: [], bundle: [lower, upper, root], shown: [lower, upper] },
  },
  {
    name: 'roots and certificates that do not belong',
    issuer: upper,
    others: [root, foreign, upper, old, upper],
    bundle: [root],
    shown: [upper],
  },
  {
    name: 'an expired root beside the renewed one',
    issuer: upper,
    others: [upper],
    bundle: [expired, root],
    shown: [upper],
    served: [root],
  },
  {
    name: 'a root of tomorrow before the one of today',
    issuer: upper,
    others: [upper],
    bundle: [future, root],
    shown: [upper],
    served: [root, future],
  },
  {
    name: 'an expired intermediate beside the renewed one',
    ...{ issuer: upper, others: [ca('upper', { keys: upper.keys, issuer: root, life: [-3, -2] }), upper] },
    ...{ bundle: [root], shown: [upper] },
  },
  {
    name: 'DNS names and addresses beside the SPIFFE ID',
    leaf: { names: [odd.general.dns('a.example'), odd.general.uri(SLEEP), odd.general.ip(10, 0, 0, 1)] },
    ...{ issuer: upper, others: [upper], bundle: [root], shown: [upper] },
  },
  {
    name: 'no extended key usage',
    leaf: { extended: [] },
    issuer: upper,
    others: [upper],
    bundle: [root],
    shown: [upper],
  },
  { name: 'no key usage', leaf: { usage: undefined }, issuer: upper, others: [upper], bundle: [root], shown: [upper] },
  ...(['p384', 'p521', 'rsa2048', 'ed25519'] as const).map((kind): Accepted => {
    const strong = ca(kind, { keys: odd.oddKeys(kind), issuer: root });
    return {
      name: `an issuer with a key of ${kind}`,
      issuer: strong,
      others: [strong],
      bundle: [root],
      shown: [strong],
    };
  }),
];

const { uri, dns, ip } = odd.general;
const bounded = (subtrees: odd.Subtrees): CaShape => ({ issuer: root, more: [odd.nameConstraints(subtrees)] });

/** Issuers right below the root, whose leaves peers refuse, and what must stand in the message. */
const refusedIssuers: readonly { name: string; issuer: Ca; says: RegExp; leaf?: LeafShape }[] = [
  {
    name: 'an issuer for servers alone',
    issuer: ca('x', { issuer: root, more: [odd.extendedKeyUsage('server')] }),
    says: /"O=x": got an extended key usage without clientAuth/,
  },
  {
    name: 'an issuer for any use, as Go alone takes it',
    issuer: ca('x', { issuer: root, more: [odd.extendedKeyUsage('any')] }),
    says: /extended key usage without serverAuth/,
  },
  {
    name: 'an issuer that may not sign',
    issuer: ca('x', { issuer: root, usage: odd.keyUsage('digitalSignature') }),
    says: /"O=x": got a key usage without keyCertSign/,
  },
  {
    name: 'an issuer for another trust domain',
    issuer: ca('x', bounded({ permitted: [uri('example.org')] })),
    says: /name constraints: URI:spiffe:.+sleep not permitted/,
  },
  {
    name: 'an issuer for hosts below the trust domain',
    issuer: ca('x', bounded({ permitted: [uri('.cluster.local')] })),
    says: /not permitted/,
  },
  {
    name: 'an issuer that excludes the trust domain',
    issuer: ca('x', bounded({ excluded: [uri('cluster.local')] })),
    says: /URI:spiffe:.+ excluded/,
  },
  {
    name: 'an issuer whose other names are out of bounds',
    issuer: ca('x', bounded({ permitted: [dns('example.com')] })),
    leaf: { names: [uri(SLEEP), dns('example.org')] },
    says: /DNS:example\.org not permitted/,
  },
  {
    name: 'an issuer whose addresses are out of bounds',
    issuer: ca('x', bounded({ permitted: [ip(10, 0, 0, 0, 255, 0, 0, 0)] })),
    leaf: { names: [uri(SLEEP), ip(11, 0, 0, 1)] },
    says: /IP:11\.0\.0\.1 not permitted/,
  },
  {
    name: 'an issuer that excludes mail addresses, above one without a host, which OpenSSL and BoringSSL cannot compare',
    issuer: ca('x', bounded({ excluded: [odd.general.email('example.com')] })),
    leaf: { names: [uri(SLEEP), odd.general.email('nobody')] },
    says: /email:nobody excluded/,
  },
  {
    name: 'an issuer with an unknown critical extension',
    issuer: ca('x', { issuer: root, more: [odd.unknownExtension(true)] }),
    says: /the critical extension 1\.3\.6\.1\.4\.1\.99999\.1/,
  },
  {
    name: 'an issuer that wants policies',
    issuer: ca('x', { issuer: root, more: [odd.explicitPolicy(0)] }),
    says: /requireExplicitPolicy/,
  },
  {
    name: 'an issuer signed with SHA-1',
    issuer: ca('x', { issuer: root, hash: 'sha1' }),
    says: /"O=x": got a signature with SHA-1/,
  },
  {
    name: 'an issuer with RSA of 1024 bits',
    issuer: ca('x', { issuer: root, keys: odd.oddKeys('rsa1024') }),
    says: /an RSA key of 1024 bits/,
  },
  {
    name: 'an issuer on a curve that Envoy does not know',
    issuer: ca('x', { issuer: root, keys: odd.oddKeys('k1') }),
    says: /a key of another kind or curve/,
  },
  {
    name: 'an expired issuer',
    issuer: ca('x', { issuer: root, life: [-3, -2] }),
    says: /"O=x": got an expired certificate, notAfter 2026-11-24T10:00:00\.000Z/,
  },
  {
    name: 'an issuer of tomorrow',
    issuer: ca('x', { issuer: root, life: [1, 2] }),
    says: /not yet valid, notBefore 2026-11-24T13:00:00\.000Z/,
  },
  {
    name: 'an issuer too far from its root',
    issuer: ca('x', { issuer: ca('short', { pathLength: 0 }) }),
    says: /"O=x": got issuer "O=short"/,
  },
  {
    name: 'a leaf signed with SHA-1',
    issuer: ca('x', { issuer: root }),
    leaf: { hash: 'sha1' },
    says: /a signature with SHA-1/,
  },
];

const refusedLeaves: readonly { name: string; leaf: LeafShape; says: RegExp }[] = [
  {
    name: 'for servers alone',
    leaf: { extended: ['server'] },
    says: /^leaf: got an extended key usage without clientAuth/,
  },
  {
    name: 'for clients alone',
    leaf: { extended: ['client'] },
    says: /^leaf: got an extended key usage without serverAuth/,
  },
  { name: 'for any use', leaf: { extended: ['any'] }, says: /extended key usage without serverAuth/ },
  {
    name: 'that may not sign in handshakes',
    leaf: { usage: odd.keyUsage('keyEncipherment') },
    says: /without digitalSignature/,
  },
  {
    name: 'that may sign certificates',
    leaf: { usage: odd.keyUsage('digitalSignature', 'keyCertSign') },
    says: /keyCertSign or cRLSign/,
  },
  {
    name: 'with an unknown critical extension',
    leaf: { more: [odd.unknownExtension(true)] },
    says: /the critical extension 1\.3\.6/,
  },
  {
    name: 'with one extension twice',
    leaf: { more: [odd.extendedKeyUsage('server', 'client')] },
    says: /the extension extendedKeyUsage twice/,
  },
];

for (const { kind, seal } of IMPLEMENTATIONS) {
  const sealed = (chain: readonly Buffer[], bundle: readonly Ca[]) =>
    seal({
      privateKey: pkcs8(leafKeys.privateKey),
      ...{ chainPem: pemOf(chain), bundlePem: pemOf(bundle.map(({ der }) => der)) },
      ...{ spiffeId: SLEEP, nowMs: NOW_MS, minLifeMs: 1000 },
    });

  for (const { name, issuer, leaf, others, bundle, shown, served = bundle } of accepted) {
    t.test(`${kind}: ${name}`, async (t) => {
      const own = leafOf(issuer, leaf);
      const { certificateBody, bundleBody } = sealed([own, ...others.map(({ der }) => der)], bundle);
      const { tlsCertificate } = Secret.decode(certificateBody);
      const { validationContext } = Secret.decode(bundleBody);
      const ders = [own, ...shown.map(({ der }) => der)];
      t.equal(String(tlsCertificate?.certificateChain?.inlineBytes), String(pemOf(ders)), 'the path alone, in order');
      t.equal(String(validationContext?.trustedCa?.inlineBytes), String(pemOf(served.map(({ der }) => der))));
    });
  }

  for (const { name, issuer, leaf, says } of refusedIssuers) {
    t.test(`${kind}: refused is ${name}`, async (t) => {
      const chain = [leafOf(issuer, leaf), issuer.der];
      t.throws(() => sealed(chain, [root]), { code: 'ERR_SVID_UNTRUSTED', message: says });
    });
  }

  for (const { name, leaf, says } of refusedLeaves) {
    t.test(`${kind}: refused is a leaf ${name}`, async (t) => {
      t.throws(() => sealed([leafOf(root, leaf)], [root]), { code: 'ERR_SVID_MALFORMED', message: says });
    });
  }

  t.test(`${kind}: another path is taken when the first one is refused`, async (t) => {
    const strict = ca('twin', { issuer: root, more: [odd.nameConstraints({ permitted: [uri('example.org')] })] });
    const wide = ca('twin', { issuer: root, keys: strict.keys });
    const own = leafOf(wide);
    const { tlsCertificate } = Secret.decode(sealed([own, strict.der, wide.der], [root]).certificateBody);
    t.equal(String(tlsCertificate?.certificateChain?.inlineBytes), String(pemOf([own, wide.der])));
  });

  t.test(`${kind}: a path is no longer than its issuers allow`, async (t) => {
    const short = ca('short', { pathLength: 0 });
    const below = ca('below', { issuer: short });
    t.ok(sealed([leafOf(short)], [short]));
    t.throws(() => sealed([leafOf(below), below.der], [short]), {
      code: 'ERR_SVID_UNTRUSTED',
      message: /"O=short": got pathlen 0 above 1 CAs/,
    });
  });

  t.test(`${kind}: a hostile set costs a bounded number of signatures`, async (t) => {
    t.throws(() => sealed([leafOf(one), ...manyCrossed], [foreign]), {
      code: 'ERR_SVID_UNTRUSTED',
      message: /more possible issuers than are tried/,
    });
  });
}
