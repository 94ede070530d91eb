import {
  constants,
  createHash,
  createHmac,
  generateKeyPairSync,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import * as der from '../../src/pki/x509/der-writer.js';
import { csrPem, derOf, ecKeys, type KeyPair, openssl, signedCsr } from '../hotpath/pki.js';
import { type CertificateAnswer, type CertificateCall, CitadelCaller } from '../support/citadel-caller.js';
import { startCitadelProcess } from '../support/citadel-process.js';
import { foreignCsr } from '../support/foreign-csr.js';
import { shortDir } from '../support/short-dir.js';
import { TokenIssuer } from '../support/test-tokens.js';
import { HOT_PATHS, TIMEOUT_MS as timeout } from './poured.js';

t.setTimeout(4 * timeout);

/*
 * Each kind of token and CSR that tries to get what is not its own, sent to a process of Citadel over TLS by grpc-js:
 * which status it gets, and which rule the trail names.
 */

const SLEEP = 'spiffe://cluster.local/ns/foo/sa/sleep';
const issuer = new TokenIssuer();
const rsaIssuer = new TokenIssuer({ alg: 'RS256', kid: 'key-rsa' });
const stranger = new TokenIssuer();
const seconds = (): number => Math.floor(Date.now() / 1000);

const encode = (part: unknown): string =>
  Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url');
const HEADER = { alg: 'ES256', kid: issuer.kid };
/** A JWT of these texts, signed as they are. */
const signed = (header: unknown, payload: unknown): string => {
  const text = `${encode(header)}.${encode(payload)}`;
  return `${text}.${issuer.signJws(text).toString('base64url')}`;
};
const claimsText = (): string => JSON.stringify(issuer.claims()).slice(1, -1);

/** The order of P-256: with (r, s) also (r, n - s) is a signature. (SEC 1 v2, §4.1.4) */
const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

async function withOtherS(): Promise<string> {
  const [header = '', payload = '', signature = ''] = (await issuer.token()).split('.');
  const raw = Buffer.from(signature, 'base64url');
  const s = P256_ORDER - BigInt(`0x${raw.toString('hex', 32)}`);
  const other = Buffer.concat([raw.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex')]);
  return `${header}.${payload}.${other.toString('base64url')}`;
}

interface RefusedToken {
  readonly name: string;
  readonly token: () => string | Promise<string>;
  readonly code: string;
}

const tokens: readonly RefusedToken[] = [
  {
    name: 'alg none',
    token: () => `${encode({ alg: 'none' })}.${encode(issuer.claims())}.`,
    code: 'ERR_TOKEN_REFUSED',
  },
  {
    name: 'alg None with a signature',
    token: () => signed({ ...HEADER, alg: 'None' }, issuer.claims()),
    code: 'ERR_TOKEN_REFUSED',
  },
  {
    name: 'alg a list',
    token: () => signed({ ...HEADER, alg: ['ES256'] }, issuer.claims()),
    code: 'ERR_TOKEN_REFUSED',
  },
  { name: 'a wrong kid', token: () => new TokenIssuer({ kid: 'key-9' }).token(), code: 'ERR_TOKEN_REFUSED' },
  { name: 'a stranger under a known kid', token: () => stranger.token(), code: 'ERR_TOKEN_REFUSED' },
  {
    name: 'a key of its own in the header (jwk)',
    token: () => stranger.sign(stranger.claims(), { jwk: stranger.publicKey.export({ format: 'jwk' }) }),
    code: 'ERR_TOKEN_REFUSED',
  },
  {
    name: 'a place of keys in the header (jku)',
    token: () => stranger.sign(stranger.claims(), { jku: 'http://127.0.0.1:1/' }),
    code: 'ERR_TOKEN_REFUSED',
  },
  {
    name: 'RS256 under the id of an EC key',
    token: () => new TokenIssuer({ alg: 'RS256' }).token(),
    code: 'ERR_TOKEN_REFUSED',
  },
  { name: 'another iss', token: () => issuer.token('foo', 'sleep', { iss: 'https://x' }), code: 'ERR_TOKEN_REFUSED' },
  { name: 'no iss', token: () => issuer.token('foo', 'sleep', { iss: undefined }), code: 'ERR_TOKEN_REFUSED' },
  { name: 'another aud', token: () => issuer.token('foo', 'sleep', { aud: ['vault'] }), code: 'ERR_TOKEN_REFUSED' },
  {
    name: 'its audience as azp alone',
    token: () => issuer.token('foo', 'sleep', { aud: undefined, azp: 'istio-ca' }),
    code: 'ERR_TOKEN_REFUSED',
  },
  {
    name: 'an aud within an aud',
    token: () => issuer.token('foo', 'sleep', { aud: [['istio-ca']] }),
    code: 'ERR_TOKEN_REFUSED',
  },
  { name: 'expired', token: () => issuer.token('foo', 'sleep', { exp: seconds() - 60 }), code: 'ERR_TOKEN_EXPIRED' },
  { name: 'no exp', token: () => issuer.token('foo', 'sleep', { exp: undefined }), code: 'ERR_TOKEN_REFUSED' },
  {
    name: 'exp as a text',
    token: () => issuer.token('foo', 'sleep', { exp: '9999999999' }),
    code: 'ERR_TOKEN_REFUSED',
  },
  {
    name: 'exp beyond numbers',
    token: () => signed(HEADER, `{${claimsText()},"exp":1e999}`),
    code: 'ERR_TOKEN_REFUSED',
  },
  { name: 'nbf ahead', token: () => issuer.token('foo', 'sleep', { nbf: seconds() + 600 }), code: 'ERR_TOKEN_REFUSED' },
  { name: 'iat ahead', token: () => issuer.token('foo', 'sleep', { iat: seconds() + 600 }), code: 'ERR_TOKEN_REFUSED' },
  { name: 'a person', token: () => issuer.token('foo', 'sleep', { sub: 'alice' }), code: 'ERR_TOKEN_REFUSED' },
  {
    name: 'a path in its name',
    token: () => issuer.token('foo', 'sleep', { sub: 'system:serviceaccount:foo/sa/admin:x' }),
    code: 'ERR_TOKEN_REFUSED',
  },
  {
    name: 'another namespace in kubernetes.io',
    token: () => issuer.token('foo', 'sleep', { 'kubernetes.io': { namespace: 'kube-system' } }),
    code: 'ERR_TOKEN_REFUSED',
  },
  {
    name: '20 kB of claims in a thousand levels',
    token: () => signed(HEADER, `{${claimsText()},"x":${'['.repeat(1000)}${']'.repeat(1000)}}`),
    code: 'ERR_TOKEN_MALFORMED',
  },
  {
    name: 'two thousand members',
    token: () => signed(HEADER, `{${claimsText()}${',"":0'.repeat(2000)}}`),
    code: 'ERR_TOKEN_MALFORMED',
  },
  {
    name: '40 kB',
    token: () => issuer.token('foo', 'sleep', { x: 'x'.repeat(30_000) }),
    code: 'ERR_TOKEN_MALFORMED',
  },
  {
    name: 'claims that are not UTF-8',
    token: () => {
      const text = `${encode(HEADER)}.${Buffer.from(`{${claimsText()},"x":"\xff"}`, 'latin1').toString('base64url')}`;
      return `${text}.${issuer.signJws(text).toString('base64url')}`;
    },
    code: 'ERR_TOKEN_MALFORMED',
  },
  {
    name: 'claims behind a byte order mark',
    token: () => signed(HEADER, `\ufeff{${claimsText()}}`),
    code: 'ERR_TOKEN_MALFORMED',
  },
  { name: 'claims that are a list', token: () => signed(HEADER, '[]'), code: 'ERR_TOKEN_MALFORMED' },
  { name: 'claims that are no JSON', token: () => signed(HEADER, 'x'), code: 'ERR_TOKEN_MALFORMED' },
  {
    name: 'base64 that is not of URLs',
    token: async () => `${(await issuer.token()).slice(0, -2)}+/`,
    code: 'ERR_TOKEN_MALFORMED',
  },
  { name: 'padding', token: async () => `${await issuer.token()}==`, code: 'ERR_TOKEN_MALFORMED' },
  { name: 'a part too many', token: async () => `${await issuer.token()}.e30`, code: 'ERR_TOKEN_MALFORMED' },
  {
    name: 'a part too few',
    token: async () => (await issuer.token()).replace(/\.[^.]+$/, ''),
    code: 'ERR_TOKEN_MALFORMED',
  },
  {
    name: 'no signature',
    token: async () => (await issuer.token()).replace(/[^.]+$/, ''),
    code: 'ERR_TOKEN_MALFORMED',
  },
  {
    name: 'a bit of the signature that no decoder looks at',
    token: async () => {
      const token = await issuer.token();
      const last = { A: 'B', Q: 'R', g: 'h', w: 'x' }[token.slice(-1)];
      return `${token.slice(0, -1)}${last}`;
    },
    code: 'ERR_TOKEN_MALFORMED',
  },
  {
    name: 'a critical header',
    token: () => signed({ ...HEADER, crit: ['x'], x: 1 }, issuer.claims()),
    code: 'ERR_TOKEN_MALFORMED',
  },
  {
    name: 'a payload that is not encoded (b64)',
    token: () => signed({ ...HEADER, crit: ['b64'], b64: false }, issuer.claims()),
    code: 'ERR_TOKEN_MALFORMED',
  },
  {
    name: 'an encrypted one (JWE)',
    token: () =>
      `${encode({ alg: 'RSA-OAEP', enc: 'A256GCM' })}.${randomBytes(256).toString('base64url')}.AAAA.AAAA.AAAA`,
    code: 'ERR_TOKEN_REFUSED',
  },
  {
    name: 'a token as the claims of another (nested)',
    token: async () => signed({ ...HEADER, cty: 'JWT' }, await issuer.token()),
    code: 'ERR_TOKEN_MALFORMED',
  },
  {
    name: 'an ECDSA signature in DER',
    token: () => {
      const text = `${encode(HEADER)}.${encode(issuer.claims())}`;
      return `${text}.${issuer.signDer(text).toString('base64url')}`;
    },
    code: 'ERR_TOKEN_REFUSED',
  },
  {
    name: 'the ECDSA signature (0, 0)',
    token: () => `${encode(HEADER)}.${encode(issuer.claims())}.${Buffer.alloc(64).toString('base64url')}`,
    code: 'ERR_TOKEN_REFUSED',
  },
  {
    name: 'changed claims',
    token: async () => (await issuer.token()).replace(/\.[^.]+\./, `.${encode(issuer.claims('foo', 'admin'))}.`),
    code: 'ERR_TOKEN_REFUSED',
  },
  { name: 'HS256 with the public key in PEM', token: () => hmacToken('pem'), code: 'ERR_TOKEN_REFUSED' },
  { name: 'HS256 with the public key in DER', token: () => hmacToken('der'), code: 'ERR_TOKEN_REFUSED' },
  {
    name: 'PS256 by the key that is for RS256',
    token: () => {
      const text = `${encode({ alg: 'PS256', kid: rsaIssuer.kid })}.${encode(issuer.claims())}`;
      return `${text}.${randomBytes(256).toString('base64url')}`;
    },
    code: 'ERR_TOKEN_REFUSED',
  },
];

function hmacToken(format: 'pem' | 'der'): string {
  const text = `${encode({ alg: 'HS256', kid: issuer.kid })}.${encode(issuer.claims())}`;
  const { publicKey } = issuer;
  const secret =
    format === 'pem' ? publicKey.export({ type: 'spki', format }) : publicKey.export({ type: 'spki', format });
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

/** The whole of `authorization`; grpc-js sends it once at most. */
const headers: readonly { name: string; values: () => Promise<string[]>; code: string }[] = [
  { name: 'nothing', values: async () => [], code: 'ERR_TOKEN_MISSING' },
  { name: 'an empty text', values: async () => [''], code: 'ERR_TOKEN_MALFORMED' },
  { name: 'Basic', values: async () => ['Basic c2xlZXA6c2VjcmV0'], code: 'ERR_TOKEN_MALFORMED' },
  { name: 'Bearer alone', values: async () => ['Bearer '], code: 'ERR_TOKEN_MALFORMED' },
  { name: 'a token without a scheme', values: async () => [await issuer.token()], code: 'ERR_TOKEN_MALFORMED' },
  {
    name: 'the scheme of Istio for HTTP',
    values: async () => [`Istio ${await issuer.token()}`],
    code: 'ERR_TOKEN_MALFORMED',
  },
  {
    name: 'two tokens in one value',
    values: async () => [`Bearer ${await issuer.token()}, Bearer ${await issuer.token()}`],
    code: 'ERR_TOKEN_MALFORMED',
  },
];

const rsaAlgorithm = (arc: number): Buffer =>
  der.sequence(der.objectIdentifier(`1.2.840.113549.1.1.${arc}`), der.nothing());
const RSA_SHA256 = rsaAlgorithm(11);
const ECDSA_SHA256 = der.sequence(der.objectIdentifier('1.2.840.10045.4.3.2'));
const ecCsr = derOf(signedCsr(ecKeys()));
const spki = ({ publicKey }: KeyPair): Buffer => publicKey.export({ type: 'spki', format: 'der' });

/** A request for any public key, whatever signs it. */
function requestOf(keyInfo: Buffer, algorithm: Buffer, signatureOf: (info: Buffer) => Buffer): string {
  const info = der.sequence(der.unsignedInteger(Buffer.of(0)), der.sequence(), keyInfo, der.contextConstructed(0));
  return csrPem(der.sequence(info, algorithm, der.bitString(signatureOf(info)))).toString();
}

const rsaKeyInfo = (modulus: Buffer, exponent: Buffer): Buffer =>
  der.sequence(
    rsaAlgorithm(1),
    der.bitString(der.sequence(der.unsignedInteger(modulus), der.unsignedInteger(exponent))),
  );

/** With the exponent 1 anyone can write a "signature": it is the padded digest itself. (RFC 8017 §9.2) */
function exponentOne(): string {
  const modulus = Buffer.concat([Buffer.of(0xff), randomBytes(254), Buffer.of(0x01)]);
  return requestOf(rsaKeyInfo(modulus, Buffer.of(1)), RSA_SHA256, (info) => {
    const digest = der.sequence(
      der.sequence(der.objectIdentifier('2.16.840.1.101.3.4.2.1'), der.nothing()),
      der.octetString(createHash('sha256').update(info).digest()),
    );
    const filling = Buffer.alloc(256 - 3 - digest.length, 0xff);
    return Buffer.concat([Buffer.of(0, 1), filling, Buffer.of(0), digest]);
  });
}

function hugeRsa(bits: number): string {
  const modulus = Buffer.concat([Buffer.of(0xff), randomBytes(bits / 8 - 2), Buffer.of(0x01)]);
  return requestOf(rsaKeyInfo(modulus, Buffer.of(1, 0, 1)), RSA_SHA256, () => randomBytes(bits / 8));
}

const pss = (): string => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const algorithm = der.sequence(der.objectIdentifier('1.2.840.113549.1.1.10'), der.sequence());
  const padding = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 20 };
  return requestOf(spki({ publicKey, privateKey }), algorithm, (info) =>
    sign('sha256', info, { key: privateKey, ...padding }),
  );
};

/** P-256 with all of its parameters in place of its name. (RFC 5480 §2.1.1: they must not be there) */
const explicitCurve = (): string => {
  const directory = mkdtempSync(join(tmpdir(), 'sc-curve-'));
  try {
    const key = join(directory, 'key');
    openssl(['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-param_enc', 'explicit', '-out', key]);
    return openssl(['req', '-new', '-key', key, '-subj', '/']);
  } finally {
    rmSync(directory, { recursive: true });
  }
};

const offCurve = (): string => {
  const info = Buffer.from(spki(ecKeys()));
  info.writeUInt8(info.readUInt8(info.length - 1) ^ 1, info.length - 1);
  return requestOf(info, ECDSA_SHA256, () => Buffer.from('3006020101020101', 'hex'));
};

const withEcSignature = (signature: Buffer): string => requestOf(spki(ecKeys()), ECDSA_SHA256, () => signature);

const badSignature = (csr: string): string => {
  const bytes = derOf(Buffer.from(csr));
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
  return csrPem(bytes).toString();
};

const pemOf = (bytes: Buffer): string => csrPem(bytes).toString();
const good = foreignCsr();

/** Refused as INVALID_ARGUMENT "CSR signing error (…)". (reference: Istio C6) */
const csrs: readonly { name: string; csr: () => string; code: string }[] = [
  { name: 'empty', csr: () => '', code: 'ERR_CSR_INVALID' },
  { name: 'no PEM', csr: () => derOf(Buffer.from(good)).toString('base64'), code: 'ERR_CSR_INVALID' },
  { name: 'an empty PEM', csr: () => pemOf(Buffer.alloc(0)), code: 'ERR_CSR_INVALID' },
  { name: 'two PEMs', csr: () => good + good, code: 'ERR_CSR_INVALID' },
  { name: 'a certificate', csr: () => String(opensslCertificate()), code: 'ERR_CSR_INVALID' },
  { name: 'PEM without an end', csr: () => good.replace(/-----END[^\n]*\n/, ''), code: 'ERR_CSR_INVALID' },
  {
    name: 'headers in PEM',
    csr: () => good.replace('REQUEST-----\n', 'REQUEST-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n'),
    code: 'ERR_CSR_INVALID',
  },
  { name: 'a signature by another key', csr: () => badSignature(good), code: 'ERR_CSR_INVALID' },
  { name: 'a bad RSA signature', csr: () => badSignature(foreignCsr({ key: 'RSA-2048' })), code: 'ERR_CSR_INVALID' },
  {
    name: 'the ECDSA signature (0, 0)',
    csr: () => withEcSignature(Buffer.from('3006020100020100', 'hex')),
    code: 'ERR_CSR_INVALID',
  },
  { name: 'an empty signature', csr: () => withEcSignature(Buffer.alloc(0)), code: 'ERR_CSR_INVALID' },
  { name: 'a trailing octet', csr: () => pemOf(Buffer.concat([ecCsr, Buffer.of(0)])), code: 'ERR_CSR_INVALID' },
  {
    name: 'a trailing octet within',
    csr: () => pemOf(der.sequence(ecCsr.subarray(ecCsr[1] === 0x81 ? 3 : 4), der.nothing())),
    code: 'ERR_CSR_INVALID',
  },
  {
    name: 'BER: an indefinite length',
    csr: () =>
      pemOf(Buffer.concat([Buffer.of(0x30, 0x80), ecCsr.subarray(ecCsr[1] === 0x81 ? 3 : 4), Buffer.of(0, 0)])),
    code: 'ERR_CSR_INVALID',
  },
  {
    name: 'BER: a length in a longer form',
    csr: () =>
      pemOf(Buffer.concat([Buffer.of(0x30, 0x83, 0), lengthOf(ecCsr), ecCsr.subarray(ecCsr[1] === 0x81 ? 3 : 4)])),
    code: 'ERR_CSR_INVALID',
  },
  { name: 'P-521', csr: () => String(signedCsr(ecKeys('P-521'))), code: 'ERR_KEY_TYPE_UNSUPPORTED' },
  { name: 'P-224', csr: () => String(signedCsr(ecKeys('secp224r1'))), code: 'ERR_KEY_TYPE_UNSUPPORTED' },
  { name: 'secp256k1', csr: () => String(signedCsr(ecKeys('secp256k1'))), code: 'ERR_KEY_TYPE_UNSUPPORTED' },
  {
    name: 'brainpoolP256r1',
    csr: () => String(signedCsr(ecKeys('brainpoolP256r1'))),
    code: 'ERR_KEY_TYPE_UNSUPPORTED',
  },
  { name: 'explicit curve parameters', csr: explicitCurve, code: 'ERR_KEY_TYPE_UNSUPPORTED' },
  { name: 'a point that is not on its curve', csr: offCurve, code: 'ERR_CSR_INVALID' },
  { name: 'Ed25519', csr: () => foreignCsr({ key: 'Ed25519' }), code: 'ERR_KEY_TYPE_UNSUPPORTED' },
  { name: 'RSA-1024', csr: () => foreignCsr({ key: 'RSA-1024' }), code: 'ERR_KEY_TYPE_UNSUPPORTED' },
  { name: 'RSA-16384', csr: () => hugeRsa(16_384), code: 'ERR_KEY_TYPE_UNSUPPORTED' },
  { name: 'RSA with the exponent 1', csr: exponentOne, code: 'ERR_KEY_TYPE_UNSUPPORTED' },
  { name: 'an RSA key signing by PSS', csr: pss, code: 'ERR_CSR_INVALID' },
  {
    name: 'an RSA-PSS key',
    csr: () => String(signedCsr(generateKeyPairSync('rsa-pss', { modulusLength: 2048 }), { algorithm: RSA_SHA256 })),
    code: 'ERR_KEY_TYPE_UNSUPPORTED',
  },
  {
    name: 'SHA-1',
    csr: () =>
      String(signedCsr(ecKeys(), { hash: 'sha1', algorithm: der.sequence(der.objectIdentifier('1.2.840.10045.4.1')) })),
    code: 'ERR_CSR_INVALID',
  },
];

function opensslCertificate(): string {
  return openssl(['req', '-x509', '-newkey', 'ed25519', '-nodes', '-keyout', '/dev/null', '-subj', '/CN=x']);
}

/** The octets of the length of a sequence of more than 127, without the one that counts them. */
function lengthOf(element: Buffer): Buffer {
  return element[1] === 0x81 ? Buffer.of(0, element[2] ?? 0) : element.subarray(2, 4);
}

/** Taken, and what is asked for beside the key counts for nothing. (reference: Istio C18, C20) */
const taken: readonly { name: string; call: () => CertificateCall | Promise<CertificateCall> }[] = [
  { name: 'the other s of an ECDSA signature', call: async () => ({ token: await withOtherS() }) },
  {
    name: 'claims twice: the last one counts',
    call: () => ({ token: signed(HEADER, `{"sub":"system:serviceaccount:kube-system:admin",${claimsText()}}`) }),
  },
  { name: 'CRLF', call: () => ({ csr: good.replaceAll('\n', '\r\n') }) },
  { name: 'text around the PEM', call: () => ({ csr: `Certificate Request:\n${good}\n` }) },
  { name: 'RSA with the exponent 3', call: () => ({ csr: exponentThree() }) },
  {
    name: 'the SAN of another workload',
    call: () => ({
      csr: foreignCsr({ extensions: ['subjectAltName=critical,URI:spiffe://cluster.local/ns/kube-system/sa/admin'] }),
    }),
  },
  {
    name: 'CA:TRUE and keyCertSign',
    call: () => ({
      csr: foreignCsr({ extensions: ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign'] }),
    }),
  },
  {
    name: 'a name that is a CA',
    call: () => ({ csr: foreignCsr({ subject: '/O=cluster.local/CN=istiod.istio-system.svc' }) }),
  },
  { name: 'six hundred extensions', call: () => ({ csr: manyExtensions() }) },
];

function exponentThree(): string {
  const keys = generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 });
  return String(signedCsr(keys, { algorithm: RSA_SHA256 }));
}

function manyExtensions(): string {
  const one = (at: number): Buffer =>
    der.sequence(der.objectIdentifier(`1.3.6.1.4.1.99999.${at + 1}`), der.octetString(Buffer.alloc(0)));
  const all = der.sequence(...Array.from({ length: 600 }, (_, at) => one(at)));
  const attribute = der.sequence(der.objectIdentifier('1.2.840.113549.1.9.14'), der.element(0x31, all));
  return String(signedCsr(ecKeys(), { attributes: [attribute] }));
}

for (const { hotPath, skip } of HOT_PATHS) {
  t.test(`${hotPath}: hostile requests`, { timeout, skip }, async (t) => {
    const place = shortDir(t);
    const file = (name: string): string => join(place, name);
    const flags = ['--hot-path', hotPath, '--trail-dir', file('trail'), '--trail-mode', 'wait'];
    const keys = { jwks: { keys: [...issuer.jwks.keys, ...rsaIssuer.jwks.keys] }, issuer: issuer.issuer };
    const { citadel, address } = await startCitadelProcess(t, { file, issuer: keys as TokenIssuer, flags });
    const caller = new CitadelCaller(t, { address, rootPem: readFileSync(file('root.pem')) });
    const records = (): { event: string; code?: string; spiffe_id?: string }[] =>
      readdirSync(file('trail'))
        .filter((name) => name.endsWith('.jsonl'))
        .flatMap((name) =>
          readFileSync(join(file('trail'), name), 'utf8')
            .trimEnd()
            .split('\n'),
        )
        .map((line) => JSON.parse(line));
    const wanted: string[] = [];
    /** Its own record comes before that of the next certificate, which waits for the disk. */
    const refuses = async (t: Test, call: CertificateCall, want: Partial<CertificateAnswer>, code: string) => {
      const { details, ...answer } = await caller.call(call);
      t.match({ ...answer, details }, { ...want, elements: [] });
      wanted.push(code);
    };

    await t.test('tokens', async (t) => {
      for (const { name, token, code } of tokens) {
        t.comment(name);
        const want = { code: status.UNAUTHENTICATED, details: 'request authenticate failure' };
        await refuses(t, { csr: good, token: await token() }, want, code);
      }
    });
    await t.test('what stands in authorization', async (t) => {
      for (const { values, code } of headers) {
        const want = { code: status.UNAUTHENTICATED, details: 'request authenticate failure' };
        await refuses(t, { csr: good, authorization: await values() }, want, code);
      }
    });
    await t.test('CSRs', async (t) => {
      for (const { csr, code } of csrs) {
        const want = { code: status.INVALID_ARGUMENT, details: /^CSR signing error \(CSR/ as unknown as string };
        await refuses(t, { csr: csr(), token: await issuer.token() }, want, code);
      }
    });
    await t.test('what is taken gets the leaf of its token, and no more', async (t) => {
      for (const { name, call } of taken) {
        const sent = { csr: good, token: await issuer.token(), ...(await call()) };
        const { code, details, elements } = await caller.call(sent);
        t.equal(code, status.OK, `${name} ${details}`);
        const leaf = new X509Certificate(elements[0] ?? '');
        t.equal(leaf.subjectAltName, `URI:${SLEEP}`, name);
        t.equal(leaf.ca, false, name);
        t.equal(leaf.subject ?? '', '', name);
        const text = openssl(['x509', '-text', '-noout'], Buffer.from(elements[0] ?? ''));
        t.equal(text.match(/^ {12}X509v3 /gm)?.length, 5, name);
      }
    });
    const refused = records().filter(({ event }) => event === 'refused');
    t.same(
      refused.map(({ code }) => code),
      wanted,
      'the trail names the rule of each',
    );
    t.ok(refused.every(({ spiffe_id }) => spiffe_id === undefined || spiffe_id === SLEEP));
    t.equal(records().filter(({ event }) => event === 'issued').length, taken.length);
    citadel.kill('SIGTERM');
    const { code, err } = await citadel.whole();
    t.equal(code, 0);
    t.notMatch(err, /ERR_INTERNAL|ERR_HOTPATH/);
  });
}
