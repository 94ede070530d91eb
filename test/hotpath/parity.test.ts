import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import t from 'tap';
import { IdentityError } from '../../src/errors/index.js';
import type { IssueItem } from '../../src/hotpath/implementation.js';
import { type PreparedKey, type SealRequest, Signer } from '../../src/hotpath/index.js';
import * as der from '../../src/pki/x509/der-writer.js';
import { encodePem, KEY_TYPES, makeSelfSignedRoot } from '../../src/pki/x509/index.js';
import { seededRandom } from '../support/prng.js';
import { IMPLEMENTATIONS, type Implementation, NO_ADDON } from './implementations.js';
import {
  certificate,
  csrPem,
  derOf,
  ecKeys,
  HOUR_MS,
  NOW_MS,
  openssl,
  opensslBytes,
  pem,
  pkcs8,
  SLEEP,
} from './pki.js';

/** Both implementations side by side: what is the same for the same arguments must be so to the octet. */
const [js, native] = IMPLEMENTATIONS as readonly [Implementation, Implementation];
const skip = NO_ADDON;

const root = makeSelfSignedRoot({
  keyType: 'ec-p256',
  organization: 'cluster.local',
  notBeforeMs: NOW_MS - HOUR_MS,
  notAfterMs: NOW_MS + 1000 * HOUR_MS,
});
const signer = Signer.load(root.certificatePem, root.privateKeyPem);
/** What stands before "PRIVATE KEY". */
const SERIAL = Buffer.from('80112233445566778899aabbccddeeff', 'hex');

const prepared = js.prepare({ spiffeId: SLEEP, keyType: 'ec-p256' });

function issueItem(changes: Partial<IssueItem> = {}): IssueItem {
  return {
    csrPem: prepared.csrPem,
    signer: signer.material,
    subjectAltNames: [SLEEP],
    notBeforeMs: NOW_MS - 120_000,
    notAfterMs: NOW_MS + HOUR_MS,
    ...changes,
  };
}

/** The first of the three parts of a CSR or certificate: what is signed. */
function toBeSigned(text: Buffer): Buffer {
  return element(derOf(text).subarray(4));
}

function keyOf({ privateKey }: PreparedKey): KeyObject {
  return createPrivateKey({ key: privateKey, format: 'der', type: 'pkcs8' });
}

/** What is signed of a CSR, with the public key of `other`, which is as long, in the place of that of `own`. */
function withKey(info: Buffer, own: KeyObject, other: KeyObject): Buffer {
  const [before, after] = [own, other].map((key) => createPublicKey(key).export({ type: 'spki', format: 'der' })) as [
    Buffer,
    Buffer,
  ];
  const at = info.indexOf(before);
  return Buffer.concat([info.subarray(0, at), after, info.subarray(at + before.length)]);
}

/** The element at the start of `bytes`, which has a length of one to three octets. */
function element(bytes: Buffer): Buffer {
  const first = bytes.readUInt8(1);
  const lengthOctets = first < 0x80 ? 0 : first - 0x80;
  const length = lengthOctets === 0 ? first : bytes.readUIntBE(2, lengthOctets);
  return bytes.subarray(0, 2 + lengthOctets + length);
}

for (const keyType of KEY_TYPES) {
  t.test(`a CSR and a key of type ${keyType} are spelled alike`, { skip }, async (t) => {
    const [made, ours] = [native, js].map((one) => one.prepare({ spiffeId: SLEEP, keyType })) as [
      PreparedKey,
      PreparedKey,
    ];
    const privateKey = keyOf(made);
    t.same(made.privateKey, pkcs8(privateKey), 'the key is what Node would write');
    t.same(toBeSigned(made.csrPem), withKey(toBeSigned(ours.csrPem), keyOf(ours), privateKey));
    t.equal(made.privateKey.buffer.byteLength, made.privateKey.length, 'memory of its own');
  });

  t.test(`each issues for the CSR of the other, key type ${keyType}`, { skip }, async (t) => {
    for (const [maker, issuer] of [
      [js, native],
      [native, js],
    ] as const) {
      const made = maker.prepare({ spiffeId: SLEEP, keyType });
      const { leafPem, requestedUri } = issuer.issue(issueItem({ csrPem: made.csrPem }));
      t.equal(requestedUri, SLEEP);
      const request = { privateKey: made.privateKey, chainPem: leafPem, bundlePem: root.certificatePem };
      const sealing = { ...request, spiffeId: SLEEP, nowMs: NOW_MS, minLifeMs: 1000 };
      const sealed = maker.seal(sealing);
      t.same(sealed, issuer.seal(sealing), 'and both seal it to the same octets');
      const [keyPem = ''] =
        /-----BEGIN PRIVATE KEY[\s\S]*KEY-----\n/.exec(sealed.certificateBody.toString('latin1')) ?? [];
      t.match(openssl(['pkey', '-check', '-noout'], Buffer.from(keyPem)), /Key is valid/);
      t.same(pkcs8(createPrivateKey(keyPem)), made.privateKey, 'it is the same key');
    }
  });
}

const times = [0, 999, NOW_MS, Date.UTC(2049, 11, 31, 23, 59, 59, 999), Date.UTC(2050, 0), Date.UTC(2100, 1, 28)];
const dates = [
  ...times,
  Date.UTC(2000, 1, 29),
  Date.UTC(2400, 1, 29, 1, 2, 3),
  Date.UTC(9999, 11, 31, 23, 59, 59, 999),
];
const leaves: { name: string; changes: Partial<IssueItem> }[] = [
  ...dates.map((ms) => ({ name: `the time ${ms}`, changes: { notBeforeMs: ms, notAfterMs: ms } })),
  {
    name: 'many names',
    changes: { subjectAltNames: [SLEEP, 'a.b', '10.1.2.3', '::1', `spiffe://td/${'x'.repeat(1900)}`] },
  },
];
for (const { name, changes } of leaves) {
  t.test(`what is signed of a leaf is the same for ${name}`, { skip }, async (t) => {
    const item = issueItem(changes);
    t.same(toBeSigned(native.issue(item, SERIAL).leafPem), toBeSigned(js.issue(item, SERIAL).leafPem));
    t.equal(native.issue(item, SERIAL).serial, js.issue(item, SERIAL).serial);
  });
}

t.test('what is signed of a leaf is the same for any 100 times', { skip }, async (t) => {
  const random = seededRandom(1);
  for (let i = 0; i < 100; i++) {
    const ms = Math.floor(random() * Date.UTC(9999, 0));
    const item = issueItem({ notBeforeMs: ms, notAfterMs: ms });
    t.same(toBeSigned(native.issue(item, SERIAL).leafPem), toBeSigned(js.issue(item, SERIAL).leafPem), `${ms}`);
  }
});

t.test(
  'what is signed of a leaf is the same with signers of each kind, with and without key identifier',
  { skip },
  async (t) => {
    const kinds = [
      ['ec', '-pkeyopt', 'ec_paramgen_curve:P-384'],
      ['ec', '-pkeyopt', 'ec_paramgen_curve:P-521'],
      ['rsa:2048'],
      ['rsa:2048', '-addext', 'subjectKeyIdentifier=none'],
    ];
    for (const kind of kinds) {
      const both = opensslBytes([
        'req',
        '-x509',
        '-nodes',
        '-newkey',
        ...kind,
        '-subj',
        '/O=Größe',
        '-utf8',
        '-keyout',
        '-',
      ]);
      const text = String(both);
      const keyAt = text.indexOf('-----BEGIN PRIVATE KEY');
      const certificateAt = text.indexOf('-----BEGIN CERTIFICATE');
      const other = Signer.load(
        Buffer.from(text.slice(certificateAt, text.indexOf('-----END CERTIFICATE') + 26)),
        Buffer.from(text.slice(keyAt, text.indexOf('-----END PRIVATE KEY') + 26)),
      );
      const item = issueItem({ signer: other.material });
      const [ours, theirs] = [native.issue(item, SERIAL), js.issue(item, SERIAL)];
      t.same(toBeSigned(ours.leafPem), toBeSigned(theirs.leafPem), kind.join(' '));
      t.match(openssl(['x509', '-noout', '-text'], ours.leafPem), /URI:spiffe/);
    }
  },
);

/** `bytes` with one to three octets changed, left out, doubled, or a length made longer. */
function mutated(bytes: Buffer, random: () => number): Buffer {
  let result = Buffer.from(bytes);
  const below = (limit: number) => Math.floor(random() * limit);
  for (let i = 0; i <= below(3); i++) {
    const at = below(result.length);
    const kinds = [
      () => Buffer.concat([result.subarray(0, at), result.subarray(at + 1)]),
      () => Buffer.concat([result.subarray(0, at + 1), result.subarray(at)]),
      () => Buffer.concat([result.subarray(0, at), Buffer.from([below(256)]), result.subarray(at + 1)]),
      () => Buffer.concat([result.subarray(0, at), Buffer.from([1 << below(8)]), result.subarray(at + 1)]),
    ];
    result = Buffer.from(kinds[below(kinds.length)]?.() ?? result);
  }
  return result;
}

/** The code of the refusal, or the whole answer in hex: what must be equal. */
function verdict(act: () => object): string {
  try {
    return JSON.stringify(act(), (_, value) => (typeof value === 'object' && value?.type === 'Buffer' ? '…' : value));
  } catch (error) {
    return error instanceof IdentityError ? error.code : String(error);
  }
}

/** Seeds in which the two verdicts differ, with both. */
function differences(count: number, compare: (random: () => number) => readonly [string, string, Buffer]): string[] {
  const found: string[] = [];
  for (let seed = 1; seed <= count; seed++) {
    const [first, second, input] = compare(seededRandom(seed));
    if (first !== second) found.push(`seed ${seed}: js ${first}, native ${second}: ${input.toString('hex')}`);
  }
  return found;
}

const ecRequest = derOf(prepared.csrPem);
const rsaRequest = derOf(js.prepare({ spiffeId: SLEEP, keyType: 'rsa-2048' }).csrPem);
const both = (text: Buffer): [string, string, Buffer] => {
  const item = issueItem({ csrPem: text });
  return [verdict(() => js.issue(item, SERIAL)), verdict(() => native.issue(item, SERIAL)), text];
};

for (const [name, request] of [
  ['EC', ecRequest],
  ['RSA', rsaRequest],
] as const) {
  t.test(`a mutated ${name} CSR gets the same verdict of both`, { skip }, async (t) => {
    t.same(
      differences(1500, (random) => both(csrPem(mutated(request, random)))),
      [],
    );
  });
}

t.test('a mutated CSR that is signed again gets the same verdict of both', { skip }, async (t) => {
  const privateKey = keyOf(prepared);
  const info = toBeSigned(prepared.csrPem);
  const algorithm = der.sequence(der.objectIdentifier('1.2.840.10045.4.3.2'));
  const compare = (random: () => number) => {
    const changed = mutated(info, random);
    return both(csrPem(der.sequence(changed, algorithm, der.bitString(sign('sha256', changed, privateKey)))));
  };
  t.same(differences(3000, compare), []);
});

t.test('a mutated PEM text of a CSR gets the same verdict of both', { skip }, async (t) => {
  t.same(
    differences(1500, (random) => both(mutated(csrPem(ecRequest), random))),
    [],
  );
});

const keys = ecKeys();
const issuer = { keys: ecKeys(), subject: 'root' };
const middle = { keys: ecKeys(), subject: 'intermediate' };
const chain = [
  certificate({ keys, subject: '', issuer: middle, uris: [SLEEP] }),
  certificate({ ...middle, issuer, isCa: true }),
];
const right: SealRequest = {
  privateKey: pkcs8(keys.privateKey),
  chainPem: pem(...chain),
  bundlePem: pem(certificate({ ...issuer, isCa: true })),
  spiffeId: SLEEP,
  nowMs: NOW_MS,
  minLifeMs: 1000,
};
const sealed = (request: SealRequest, input: Buffer): [string, string, Buffer] => [
  verdict(() => js.seal(request)),
  verdict(() => native.seal(request)),
  input,
];

t.test('a mutated certificate of the chain gets the same verdict of both', { skip }, async (t) => {
  const compare = (random: () => number) => {
    const at = Math.floor(random() * 2);
    const changed = chain.map(({ raw }, i) => encodePem('CERTIFICATE', i === at ? mutated(raw, random) : raw));
    return sealed({ ...right, chainPem: Buffer.concat(changed) }, Buffer.concat(changed));
  };
  t.same(differences(1500, compare), []);
});

t.test('a mutated PEM text of the chain, the bundle or the key gets the same verdict of both', { skip }, async (t) => {
  const parts = ['chainPem', 'bundlePem', 'privateKey'] as const;
  const compare = (random: () => number) => {
    const part = parts[Math.floor(random() * parts.length)] ?? 'chainPem';
    const changed = mutated(right[part], random);
    return sealed({ ...right, [part]: changed }, changed);
  };
  t.same(differences(1500, compare), []);
});

t.test('keys of another kind get the same verdict of both', { skip }, async (t) => {
  const kinds = [generateKeyPairSync('ed25519'), generateKeyPairSync('rsa', { modulusLength: 2048 }), ecKeys('P-521')];
  for (const { privateKey } of kinds) {
    const request = { ...right, privateKey: pkcs8(privateKey) };
    t.equal(
      verdict(() => native.seal(request)),
      verdict(() => js.seal(request)),
    );
  }
});
