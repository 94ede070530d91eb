import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { certificate, ecKeys } from '../../hotpath/pki.js';

/** Certificates of their own, to be told apart in what a reader has read. */
export const CERTIFICATES: readonly Buffer[] = ['a', 'b', 'c', 'd'].map((subject) => {
  const self = { keys: ecKeys(), subject };
  return certificate({ ...self, issuer: self, isCa: true }).raw;
});

export interface Piece {
  readonly name: string;
  readonly text: (der: Buffer) => string;
  /** Whether a reader takes its certificate; `broken`: the whole text is refused. */
  readonly outcome: 'read' | 'passed over' | 'broken';
  /**
   * OpenSSL's base64 decoder ends at any dash: it reads such a block, and loses the one behind it. BoringSSL refuses
   * the text, and so do we.
   */
  readonly isForgivenByOpenssl?: true;
}

/** One block in lines of `width`. */
export function block(der: Buffer, { label = 'CERTIFICATE', width = 64, eol = '\n' } = {}): string {
  const lines = der.toString('base64').match(new RegExp(`.{1,${width}}`, 'g')) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join(eol);
}

/** What stands in PEM files of this world, and what each is to OpenSSL. */
export const PIECES: readonly Piece[] = [
  { name: 'a plain block', text: (der) => block(der), outcome: 'read' },
  { name: 'CRLF', text: (der) => block(der, { eol: '\r\n' }), outcome: 'read' },
  { name: 'blanks at the ends of lines', text: (der) => block(der, { eol: ' \t\n' }), outcome: 'read' },
  {
    name: 'a no-break space behind a boundary',
    text: (der) => block(der, { eol: '\xc2\xa0\n' }).replace(/([^-])\xc2\xa0/g, '$1'),
    outcome: 'read',
  },
  { name: 'lines of 76', text: (der) => block(der, { width: 76 }), outcome: 'read' },
  { name: 'lines of 60', text: (der) => block(der, { width: 60 }), outcome: 'read' },
  { name: 'the label of old', text: (der) => block(der, { label: 'X509 CERTIFICATE' }), outcome: 'read' },
  { name: 'an indented body', text: (der) => block(der).replace(/^(?=[A-Za-z0-9+/])/gm, '  '), outcome: 'read' },
  {
    name: 'a block that is commented out',
    text: (der) => block(der).replace(/^(?=.)/gm, '# '),
    outcome: 'passed over',
  },
  { name: 'an indented block', text: (der) => block(der).replace(/^(?=.)/gm, '  '), outcome: 'passed over' },
  { name: 'a boundary in a sentence', text: () => 'see -----BEGIN CERTIFICATE-----\n', outcome: 'passed over' },
  { name: 'a boundary that lacks its dashes', text: () => '-----BEGIN CERTIFICATE\n', outcome: 'passed over' },
  { name: 'text', text: () => 'subject=CN = a\n\n# roots of 2026: Müller\r\n', outcome: 'passed over' },
  {
    name: 'a block of another kind',
    text: (der) => block(der, { label: 'Some OTHER-thing/1' }),
    outcome: 'passed over',
  },
  {
    name: 'a block without its end',
    text: (der) => block(der).replace(/-----END.*\n/, ''),
    outcome: 'broken',
    isForgivenByOpenssl: true,
  },
  {
    name: 'an end of another kind',
    text: (der) => block(der).replace('END CERT', 'END OTHER CERT'),
    outcome: 'broken',
  },
  { name: 'text behind an end', text: (der) => `${block(der).trimEnd()} x\n`, outcome: 'broken' },
  {
    name: 'an indented end',
    text: (der) => block(der).replace('-----END', ' -----END'),
    outcome: 'broken',
    isForgivenByOpenssl: true,
  },
  { name: 'a character outside base64', text: (der) => block(der).replace('\nMII', '\nM*I'), outcome: 'broken' },
  { name: 'a header', text: (der) => block(der).replace('-----\n', '-----\nSubject: a\n\n'), outcome: 'broken' },
  {
    name: 'another kind without its end',
    text: (der) => block(der, { label: 'X' }).replace(/-----END.*\n/, ''),
    outcome: 'broken',
  },
];

/**
 * The certificates that `openssl` reads from a text as Envoy does (PEM_X509_INFO_read_bio), in their order; `undefined`
 * when it refuses it.
 */
export function readByOpenssl(pem: Buffer, directory: string): Buffer[] | undefined {
  const file = `${directory}/${randomBytes(8).toString('hex')}.pem`;
  writeFileSync(file, pem);
  const { status, stdout } = spawnSync('openssl', ['crl2pkcs7', '-nocrl', '-certfile', file, '-outform', 'DER']);
  if (status !== 0) return undefined;
  return CERTIFICATES.map((der) => ({ der, at: stdout.indexOf(der) }))
    .filter(({ at }) => at >= 0)
    .sort((one, other) => one.at - other.at)
    .map(({ der }) => der);
}
