import { WireReader } from '../../net/protobuf/index.js';
import { SECRET_TYPE_URL, type Span } from './requests.js';

/** The same numbers in DiscoveryResponse and in DeltaDiscoveryResponse. (envoy.service.discovery.v3) */
const FIELD = { version: 1, resources: 2, typeUrl: 4, nonce: 5 } as const;

/** `Resource.resource` of a delta response: the Any inside its envelope. */
const ENVELOPE_ANY = 2;

const TYPE_URL = Buffer.from(SECRET_TYPE_URL);

interface MutableSpan {
  start: number;
  end: number;
}

/**
 * Reads the few fields of a response that an Envoy needs to answer it, without allocating: positions in the message,
 * which hold until the next `read`. One is shared by a whole fleet.
 */
export class ResponseReader {
  readonly #version: MutableSpan = { start: 0, end: 0 };
  readonly #nonce: MutableSpan = { start: 0, end: 0 };
  /** The first resource: a whole `Any`. */
  readonly #resource: MutableSpan = { start: 0, end: 0 };
  resourceCount = 0;
  isOfSecrets = false;
  private readonly fields = new WireReader();
  private readonly envelope = new WireReader();

  constructor(private readonly isDelta: boolean) {}

  get version(): Span {
    return this.#version;
  }

  get nonce(): Span {
    return this.#nonce;
  }

  get resource(): Span {
    return this.#resource;
  }

  /** @throws RangeError when the message does not parse. */
  read(bytes: Buffer, start: number, end: number): void {
    this.resourceCount = 0;
    this.isOfSecrets = false;
    set(this.#version, start, start);
    set(this.#nonce, start, start);
    const fields = this.fields;
    fields.reset(bytes, start, end);
    for (let field = fields.next(); field !== 0; field = fields.next()) {
      switch (field) {
        case FIELD.version:
          set(this.#version, fields.start, fields.end);
          break;
        case FIELD.resources:
          this.resourceCount += 1;
          if (this.resourceCount === 1) this.takeResource(bytes);
          break;
        case FIELD.typeUrl:
          this.isOfSecrets = TYPE_URL.compare(bytes, fields.start, fields.end) === 0;
          break;
        case FIELD.nonce:
          set(this.#nonce, fields.start, fields.end);
          break;
        default:
      }
    }
  }

  private takeResource(bytes: Buffer): void {
    const { start, end } = this.fields;
    set(this.#resource, start, end);
    if (!this.isDelta) return;
    set(this.#resource, start, start);
    const envelope = this.envelope;
    envelope.reset(bytes, start, end);
    for (let field = envelope.next(); field !== 0; field = envelope.next()) {
      if (field === ENVELOPE_ANY) set(this.#resource, envelope.start, envelope.end);
    }
  }
}

function set(span: MutableSpan, start: number, end: number): void {
  span.start = start;
  span.end = end;
}
