import { isUtf16 } from '../../text/index.js';

/** What was found and what was expected. */
type Verdict = readonly [got: string, expected: string];

const WITHOUT_PASSPHRASE = 'one without a passphrase';

/** Longer than any label in use. */
const MAX_LABEL = 40;

/** The tag of a SEQUENCE, which all that PEM wraps begins with. (X.690) */
const DER_SEQUENCE = 0x30;

/** Says why a file has none of the wanted blocks. `found` are the labels of others in it. */
export function whyNoBlock(pem: Buffer, labels: readonly string[] | undefined, found: readonly string[]): Verdict {
  const wanted = labels?.[0] === undefined ? 'a PEM block' : `a PEM block ${labels[0]}`;
  if (pem.length === 0) return ['an empty text', wanted];
  if (found.length > 0) return foundOthers(found, wanted);
  if (isUtf16(pem)) return ['text in UTF-16', `${wanted} in ASCII or UTF-8`];
  if (pem[0] === DER_SEQUENCE && pem.includes(0)) return ['DER', `${wanted}: openssl converts it with -inform DER`];
  return misplaced(pem.toString('latin1'), wanted) ?? ['no PEM block', wanted];
}

/** Says why the content of a block is not read. Nothing of the content is quoted: it may be a key. */
export function whyUndecodable(label: string, body: Buffer): Verdict {
  const name = quoted(label);
  if (body.includes('Proc-Type:') && body.includes('ENCRYPTED')) {
    return [
      label.endsWith('PRIVATE KEY') ? 'an encrypted private key' : `an encrypted ${name} block`,
      WITHOUT_PASSPHRASE,
    ];
  }
  if (body.includes(':')) return [`a ${name} block with headers`, 'base64 alone'];
  return [`a ${name} block that does not decode`, 'canonical base64'];
}

/**
 * Says what a block without its end is. A line that has lost its breaks holds the content as well, which is not told.
 */
export function whyUnended(label: string): Verdict {
  if (label.includes('-----')) return ['a PEM block without line breaks', 'boundaries that are lines of their own'];
  return [`a ${quoted(label)} block without its end`, `the line -----END ${label.slice(0, MAX_LABEL)}-----`];
}

function quoted(label: string): string {
  return JSON.stringify(label.slice(0, MAX_LABEL));
}

function foundOthers(found: readonly string[], wanted: string): Verdict {
  const names = found.map(quoted).join(', ');
  if (found.includes('ENCRYPTED PRIVATE KEY')) {
    return ['an encrypted private key', wanted.endsWith('PRIVATE KEY') ? WITHOUT_PASSPHRASE : wanted];
  }
  if (found.includes('TRUSTED CERTIFICATE')) {
    return [`only blocks of kind ${names}`, `${wanted}: openssl x509 converts it`];
  }
  return [`only blocks of kind ${names}`, wanted];
}

/** Boundaries that are there, and not where they count. */
function misplaced(text: string, wanted: string): Verdict | undefined {
  const at = text.indexOf('-----BEGIN ');
  if (at < 0) return undefined;
  if (text.includes('-----\\n')) return ['line breaks that are written as \\n', `${wanted} in lines`];
  if (!text.trim().includes('\n')) return ['a PEM block without line breaks', `${wanted} in lines`];
  const line = text.slice(0, at).split('\n').length;
  return [`a PEM boundary that does not fill line ${line}`, `${wanted} whose boundaries are lines of their own`];
}
