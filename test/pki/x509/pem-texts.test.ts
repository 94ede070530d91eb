import { X509Certificate } from 'node:crypto';
import t from 'tap';
import { IdentityError } from '../../../src/errors/index.js';
import { TrustBundle } from '../../../src/pki/spiffe/index.js';
import { readCertificates, readPem } from '../../../src/pki/x509/index.js';
import { seededRandom } from '../../support/prng.js';
import { block, CERTIFICATES, PIECES, readByOpenssl } from './pem-texts.js';

const LIMITS = { what: 'text', code: 'ERR_BUNDLE_INVALID', maxBytes: 1_000_000, maxBlocks: 100 } as const;
const [one] = CERTIFICATES as [Buffer];

/** The certificates in their order; `undefined` when the text is refused. */
function read(pem: Buffer): Buffer[] | undefined {
  try {
    return readCertificates(pem, LIMITS);
  } catch (error) {
    if (error instanceof IdentityError) return undefined;
    throw error;
  }
}

function refusalOf(act: () => unknown): IdentityError {
  try {
    act();
  } catch (error) {
    if (error instanceof IdentityError) return error;
    throw error;
  }
  throw new Error('got an answer, expected a refusal');
}

/** An empty file is no error to `openssl`. */
const orNothing = (certificates: Buffer[] | undefined) => certificates ?? [];

for (const { name, text, outcome, isForgivenByOpenssl } of PIECES) {
  t.test(`in front of a certificate, ${name} is ${outcome}, as OpenSSL has it`, async (t) => {
    const [before, after] = CERTIFICATES as [Buffer, Buffer];
    const pem = Buffer.from(text(before) + block(after), 'utf8');
    const wanted = { read: [before, after], 'passed over': [after], broken: undefined }[outcome];
    t.strictSame(read(pem), wanted);
    const judged = readByOpenssl(pem, t.testdir());
    t.strictSame(judged, isForgivenByOpenssl ? [before] : wanted);
  });
}

t.test('any text is read as OpenSSL reads it', async (t) => {
  const directory = t.testdir();
  for (let seed = 1; seed <= 150; seed++) {
    const random = seededRandom(seed);
    const below = (limit: number) => Math.floor(random() * limit);
    // Half of the texts have nothing broken, so that long ones are read to their end.
    const pieces = PIECES.filter(({ outcome, isForgivenByOpenssl }) =>
      outcome === 'broken' ? seed % 2 === 0 && !isForgivenByOpenssl : true,
    );
    const parts = CERTIFICATES.map((der) => ({ der, piece: pieces[below(pieces.length)] ?? PIECES[0] }));
    const mark = below(2) === 0 ? '' : '\ufeff';
    const whole = mark + parts.map(({ der, piece }) => piece?.text(der)).join('');
    const pem = Buffer.from(below(2) === 0 ? whole : whole.trimEnd(), 'utf8');
    t.strictSame(
      orNothing(read(pem)),
      orNothing(readByOpenssl(pem, directory)),
      `seed ${seed}: ${parts.map(({ piece }) => piece?.name).join(', ')}`,
    );
  }
});

const utf16 = (text: string, mark: string) => Buffer.from(mark + text, 'utf16le');
const told = [
  { name: 'nothing', pem: Buffer.alloc(0), message: /got an empty text, expected a PEM block CERTIFICATE$/ },
  { name: 'DER', pem: one, message: /got DER, expected a PEM block/ },
  { name: 'UTF-16', pem: utf16(block(one), '\ufeff'), message: /got text in UTF-16, expected .* in ASCII or UTF-8/ },
  { name: 'UTF-16 of the other order', pem: utf16(block(one), '\ufeff').swap16(), message: /UTF-16/ },
  { name: 'UTF-16 without a mark', pem: utf16(block(one), ''), message: /UTF-16/ },
  {
    name: "OpenSSL's own form of a trusted certificate",
    pem: Buffer.from(block(one, { label: 'TRUSTED CERTIFICATE' })),
    message: /only blocks of kind "TRUSTED CERTIFICATE", expected a PEM block CERTIFICATE: openssl x509 converts it/,
  },
  { name: 'a key', pem: Buffer.from(block(one, { label: 'EC PRIVATE KEY' })), message: /kind "EC PRIVATE KEY"/ },
  {
    name: 'an encrypted key',
    pem: Buffer.from(block(one, { label: 'ENCRYPTED PRIVATE KEY' })),
    message: /got an encrypted private key, expected a PEM block CERTIFICATE$/,
  },
  {
    name: 'an encrypted block',
    pem: Buffer.from(block(one).replace('-----\n', '-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n')),
    message: /got an encrypted "CERTIFICATE" block, expected one without a passphrase/,
  },
  {
    name: 'a block with headers',
    pem: Buffer.from(block(one).replace('-----\n', '-----\nSubject: a\n\n')),
    message: /got a "CERTIFICATE" block with headers/,
  },
  {
    name: 'an indented block',
    pem: Buffer.from(`ca: |\n${block(one).replace(/^/gm, '  ')}`),
    message: /got a PEM boundary that does not fill line 2, expected .* lines of their own/,
  },
  {
    name: 'line breaks of JSON',
    pem: Buffer.from(JSON.stringify(block(one)).slice(1, -1)),
    message: /got line breaks that are written as \\n/,
  },
  {
    name: 'blanks where line breaks were',
    pem: Buffer.from(block(one).replaceAll('\n', ' ')),
    message: /without its end|without line breaks/,
  },
  { name: 'other text', pem: Buffer.from('hello'), message: /got no PEM block, expected a PEM block CERTIFICATE$/ },
];

for (const { name, pem, message } of told) {
  t.test(`the message names ${name}`, async (t) => {
    t.throws(() => readCertificates(pem, LIMITS), { code: 'ERR_BUNDLE_INVALID', message });
  });
}

t.test('no message shows what is inside a block', async (t) => {
  const secret = block(Buffer.from('a secret that must not be told'), { label: 'PRIVATE KEY' });
  const broken = [
    secret.replace('YSBz', '*'),
    secret.replace('-----\n', '-----\nA: b\n\n'),
    secret.replace(/-----END.*/, ''),
    secret.replaceAll('\n', ' '),
  ];
  for (const text of broken) {
    const refusal = refusalOf(() => readPem(Buffer.from(text), LIMITS));
    t.equal(refusal.code, 'ERR_BUNDLE_INVALID');
    t.notMatch(refusal.message, /YSBzZWNyZXQ|ZWNyZXQ|secret that/);
  }
});

// Were each of them looked up to the end of its line, the test would take minutes.
t.test('a megabyte of boundaries inside one line is refused', async (t) => {
  const long = Buffer.from(`x${'-----BEGIN '.repeat(90_000)}`);
  t.throws(() => readCertificates(long, LIMITS), { message: /does not fill line 1|without line breaks/ });
});

t.test('what looks like PEM inside DER is no certificate', async (t) => {
  const inside = Buffer.from(`\n${block(one)}`);
  t.equal(new X509Certificate(inside).raw.equals(one), true, 'Node reads PEM wherever it expects DER');
  t.throws(() => TrustBundle.parsePem(Buffer.from(block(inside))), { code: 'ERR_BUNDLE_INVALID' });
});
