const BEGIN = '-----BEGIN CERTIFICATE-----';
const END = '-----END CERTIFICATE-----';

/**
 * The certificate blocks of a PEM text in their order, each from BEGIN to END without a newline after it; what stands
 * between them (comments, keys) is left out. Nothing is parsed: a block that lacks its end runs to the end of the
 * text, and fails where it is parsed. (RFC 7468 §5)
 */
export function pemCertificates(text: string): string[] {
  const blocks: string[] = [];
  for (let at = text.indexOf(BEGIN); at >= 0; ) {
    const end = text.indexOf(END, at);
    const next = end < 0 ? text.length : end + END.length;
    blocks.push(text.slice(at, next));
    at = text.indexOf(BEGIN, next);
  }
  return blocks;
}
