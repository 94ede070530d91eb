import { BlockReader } from './block-reader.js';
import { DEFAULT_TABLE_BYTES, DynamicTable, fieldBytes, type HeaderField, STATIC_TABLE } from './header-table.js';

/** From here on a field that stands in a table. (RFC 7541 §6.1) */
const INDEXED = 0x80;

/** From here on a literal that is put into the table. (RFC 7541 §6.2.1) */
const KEPT = 0x40;

/** From here on a new size of the table. (RFC 7541 §6.3) */
const TABLE_SIZE = 0x20;

/**
 * Of one block: twice as many as fit into the largest list that we announce, of 64 KiB with 32 octets for each. So a
 * block takes 2 ms at the most. The rest of one with more is not read, and that ends the connection. (RFC 9113 §4.3)
 */
const MAX_FIELDS = 4096;

/**
 * Reads the header blocks of one connection, in their order: the peer may refer to fields of earlier ones, in a table
 * of the default size. (RFC 7541)
 */
export class HeaderDecoder {
  /** Made when a peer uses it. */
  private table: DynamicTable | undefined;
  #fieldsRead = 0;

  /** `limitBytes` is what was agreed by SETTINGS_HEADER_TABLE_SIZE. */
  constructor(private limitBytes: number = DEFAULT_TABLE_BYTES) {}

  /** The peer has acknowledged a SETTINGS_HEADER_TABLE_SIZE of ours, which is not above the limit until now. */
  agree(limitBytes: number): void {
    this.limitBytes = limitBytes;
    this.table?.agree(limitBytes);
  }

  /** How many the last block had, those that were too many for its list too. */
  get fieldsRead(): number {
    return this.#fieldsRead;
  }

  /**
   * The fields of a block, in order.
   * @param maxListBytes above this nothing is kept, but the block is still read, for later ones may depend on it; the
   *   result is then `undefined`. Counted as SETTINGS_MAX_HEADER_LIST_SIZE is. (RFC 9113 §6.5.2)
   * @throws RangeError when it does not parse, or has more than {@link MAX_FIELDS}: nothing that follows on the
   * connection can be read then.
   */
  decode(block: Buffer, maxListBytes: number): HeaderField[] | undefined {
    const fields: HeaderField[] = [];
    const reader = new BlockReader(block);
    let listBytes = 0;
    this.#fieldsRead = 0;
    while (reader.at < block.length) {
      const first = block[reader.at] ?? 0;
      let field: HeaderField;
      if (first >= INDEXED) {
        field = this.entry(reader.integer(0x7f));
      } else if (first >= KEPT) {
        field = this.literal(reader, 0x3f);
        this.dynamic().add(field);
      } else if (first >= TABLE_SIZE) {
        if (listBytes > 0) throw new RangeError('hpack: got a table size behind a field');
        this.dynamic().resize(reader.integer(0x1f));
        continue;
      } else {
        field = this.literal(reader, 0x0f);
      }
      this.#fieldsRead += 1;
      if (this.#fieldsRead > MAX_FIELDS) throw new RangeError(`hpack: got more than ${MAX_FIELDS} fields in a block`);
      listBytes += fieldBytes(field);
      if (listBytes <= maxListBytes) fields.push(field);
    }
    return listBytes <= maxListBytes ? fields : undefined;
  }

  private dynamic(): DynamicTable {
    this.table ??= new DynamicTable(this.limitBytes);
    return this.table;
  }

  /** `mask` has the bits of the index of its name. */
  private literal(reader: BlockReader, mask: number): HeaderField {
    const index = reader.integer(mask);
    const name = index === 0 ? reader.string() : this.entry(index)[0];
    return [name, reader.string()];
  }

  private entry(index: number): HeaderField {
    const entry = STATIC_TABLE[index - 1] ?? this.table?.at(index - 1 - STATIC_TABLE.length);
    if (entry === undefined) throw new RangeError(`hpack: got index ${index}, expected one of a table`);
    return entry;
  }
}
