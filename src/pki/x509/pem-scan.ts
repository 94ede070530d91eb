/** Where one block stands in a text. Offsets in octets. */
export interface PemSpan {
  readonly label: string;
  /** What stands between the two boundary lines. */
  readonly body: Buffer;
}

/** A text that no reader takes: `label` names the block that has no end. */
export interface BrokenPem {
  readonly unended: string;
}

const BEGIN = '-----BEGIN ';
const DASHES = '-----';
const NEWLINE = 0x0a;
const SPACE = 0x20;
const FIRST_NON_ASCII = 0x80;

/** UTF-8's byte order mark, which Windows' editors write. OpenSSL skips it, too. */
const BYTE_ORDER_MARK = Buffer.from('efbbbf', 'hex');

/**
 * Finds the blocks of a PEM text as OpenSSL and BoringSSL do: a boundary begins at the beginning of a line and fills it
 * but for blanks at its end; every other line outside a block is text and is passed over. (RFC 7468 §2) Nothing is
 * decoded.
 */
export function scanPem(pem: Buffer, visit: (span: PemSpan) => void): BrokenPem | undefined {
  const start = pem.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK.length : 0;
  for (let at = pem.indexOf(BEGIN, start); at >= 0; at = pem.indexOf(BEGIN, at)) {
    const isAtLineStart = at === start || pem[at - 1] === NEWLINE;
    const lineEnd = isAtLineStart ? endOfLine(pem, at) : at;
    const line = trimmed(pem, at, lineEnd);
    if (!isBoundary(line)) {
      at += BEGIN.length;
      continue;
    }
    const label = line.slice(BEGIN.length, -DASHES.length);
    // The next line with dashes must be this block's end: else a block without one would swallow the one behind it.
    const endAt = pem.indexOf(`\n${DASHES}`, lineEnd) + 1;
    const end = endAt > 0 ? endOfLine(pem, endAt) : 0;
    if (endAt === 0 || trimmed(pem, endAt, end) !== `-----END ${label}-----`) return { unended: label };
    visit({ label, body: pem.subarray(lineEnd + 1, endAt) });
    at = end;
  }
  return undefined;
}

function isBoundary(line: string): boolean {
  return line.length >= BEGIN.length + DASHES.length && line.endsWith(DASHES);
}

function endOfLine(pem: Buffer, from: number): number {
  const newline = pem.indexOf(NEWLINE, from);
  return newline < 0 ? pem.length : newline;
}

/** A boundary's line without what OpenSSL takes for blanks at its end: control characters and all that is not ASCII. */
function trimmed(pem: Buffer, from: number, to: number): string {
  let end = to;
  while (end > from && isBlank(pem[end - 1] as number)) end -= 1;
  return pem.toString('latin1', from, end);
}

function isBlank(octet: number): boolean {
  return octet <= SPACE || octet >= FIRST_NON_ASCII;
}
