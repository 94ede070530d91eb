/** A header field as it came. */
export type HeaderField = readonly [name: string, value: string];

/** The static table, from index 1 on. (RFC 7541 Appendix A) */
export const STATIC_TABLE: readonly HeaderField[] = [
  [':authority', ''],
  [':method', 'GET'],
  [':method', 'POST'],
  [':path', '/'],
  [':path', '/index.html'],
  [':scheme', 'http'],
  [':scheme', 'https'],
  ...['200', '204', '206', '304', '400', '404', '500'].map((status) => [':status', status] as const),
  ['accept-charset', ''],
  ['accept-encoding', 'gzip, deflate'],
  ...[
    ...['accept-language', 'accept-ranges', 'accept', 'access-control-allow-origin', 'age', 'allow', 'authorization'],
    ...['cache-control', 'content-disposition', 'content-encoding', 'content-language', 'content-length'],
    ...['content-location', 'content-range', 'content-type', 'cookie', 'date', 'etag', 'expect', 'expires', 'from'],
    ...['host', 'if-match', 'if-modified-since', 'if-none-match', 'if-range', 'if-unmodified-since', 'last-modified'],
    ...['link', 'location', 'max-forwards', 'proxy-authenticate', 'proxy-authorization', 'range', 'referer'],
    ...['refresh', 'retry-after', 'server', 'set-cookie', 'strict-transport-security', 'transfer-encoding'],
    ...['user-agent', 'vary', 'via', 'www-authenticate'],
  ].map((name) => [name, ''] as const),
];

/** What an entry costs besides its text. (RFC 7541 §4.1) */
const ENTRY_OVERHEAD_BYTES = 32;

/** What a table may hold until SETTINGS say otherwise. (RFC 9113 §6.5.2) */
export const DEFAULT_TABLE_BYTES = 4096;

/**
 * A connection of an Envoy keeps 5 to 20 entries: thousands of connections do not each pay for the most that a table
 * may hold.
 */
const FIRST_SLOTS = 8;

/** The size of a field, as tables and header lists count it. (RFC 7541 §4.1; RFC 9113 §6.5.2) */
export function fieldBytes(field: HeaderField): number {
  return field[0].length + field[1].length + ENTRY_OVERHEAD_BYTES;
}

/**
 * The dynamic table of one direction of a connection (RFC 7541 §2.3.2), as a ring: an insertion and an eviction take
 * the same time however many entries there are. Bounded twice: by the bytes that were agreed, and by the number of
 * entries that have room in them, since no entry is smaller than its overhead. The second bound holds whatever happens
 * to the sum of bytes.
 */
export class DynamicTable {
  private slots: (HeaderField | undefined)[] = [];
  /** Where the newest entry stands. */
  private newest = -1;
  private count = 0;
  private bytes = 0;
  /** What the peer said that it uses; at most the limit. */
  private sizeBytes: number;
  private limitBytes: number;
  private readonly maxEntries: number;

  /** `limitBytes` is what was agreed by SETTINGS_HEADER_TABLE_SIZE. */
  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
    this.sizeBytes = limitBytes;
    this.maxEntries = Math.floor(limitBytes / ENTRY_OVERHEAD_BYTES);
  }

  /** The `index`-th entry, the newest first, from 0 on. */
  at(index: number): HeaderField | undefined {
    if (!(index >= 0 && index < this.count)) return undefined;
    const { length } = this.slots;
    return this.slots[(this.newest - index + length) % length];
  }

  /**
   * The peer knows of another, lower limit. What it has put here stays until it says that it uses less, as its next
   * block has to. (RFC 7541 §4.2)
   */
  agree(limitBytes: number): void {
    this.limitBytes = limitBytes;
  }

  /**
   * Inserts an entry, and evicts the oldest ones for it; one that is larger than the table empties it. (RFC 7541 §4.4)
   */
  add(field: HeaderField): void {
    const bytes = fieldBytes(field);
    this.evictTo(this.sizeBytes - bytes);
    if (!(bytes <= this.sizeBytes) || this.count >= this.maxEntries) return;
    if (this.count === this.slots.length) this.grow();
    this.newest = (this.newest + 1) % this.slots.length;
    this.slots[this.newest] = field;
    this.count += 1;
    this.bytes += bytes;
  }

  /** @throws RangeError: above what was agreed. (RFC 7541 §6.3) */
  resize(bytes: number): void {
    if (!(bytes >= 0 && bytes <= this.limitBytes)) {
      throw new RangeError(`hpack: got a table of ${bytes} bytes, expected at most ${this.limitBytes}`);
    }
    this.sizeBytes = bytes;
    this.evictTo(bytes);
  }

  private evictTo(bytes: number): void {
    while (this.count > 0 && !(this.bytes <= bytes)) {
      const { length } = this.slots;
      const oldest = (this.newest - this.count + 1 + length) % length;
      const field = this.slots[oldest];
      this.slots[oldest] = undefined;
      this.count -= 1;
      if (field !== undefined) this.bytes -= fieldBytes(field);
    }
  }

  /** Doubles the ring, with the oldest entry at its beginning. */
  private grow(): void {
    const count = this.count;
    const larger = new Array<HeaderField | undefined>(Math.min(this.maxEntries, Math.max(FIRST_SLOTS, 2 * count)));
    for (let age = 0; age < count; age += 1) larger[count - 1 - age] = this.at(age);
    this.slots = larger;
    this.newest = count - 1;
  }
}
