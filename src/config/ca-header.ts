import { inspect } from 'node:util';
import type { Kind } from './kinds.js';

/** A header of calls to the CA. What stands in it may be a secret: it shows itself without its value. */
export class CaHeader {
  readonly #value: string;

  constructor(
    /** In small letters, as HTTP/2 has it. */
    readonly name: string,
    value: string,
  ) {
    this.#value = value;
  }

  get value(): string {
    return this.#value;
  }

  toJSON(): object {
    return { name: this.name, value: '[redacted]' };
  }

  [inspect.custom](): object {
    return this.toJSON();
  }
}

/** gRPC over HTTP/2, "Header-Name"; the value is printable ASCII without blanks around it ("ASCII-Value"). */
const HEADER = /^([A-Za-z0-9_.-]{1,128})=([\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)$/;

/** What the agent or the protocol sets. */
const RESERVED = new Set([
  ...['authorization', 'clusterid', 'connection', 'content-length', 'content-type', 'host', 'keep-alive'],
  ...['proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'user-agent'],
]);

export const caHeader: Kind<CaHeader> = {
  placeholder: 'NAME=VALUE',
  expected:
    'NAME=VALUE, NAME of letters, digits, "-", "_" and ".", neither one that the agent sets itself nor grpc-… nor …-bin, VALUE printable ASCII',
  parse(text) {
    const [, written, value] = HEADER.exec(text) ?? [];
    const name = written?.toLowerCase();
    if (name === undefined || value === undefined || RESERVED.has(name)) return undefined;
    // Of a binary header the value is base64 of other octets. (gRPC over HTTP/2, "Binary-Header")
    return name.startsWith('grpc-') || name.endsWith('-bin') ? undefined : new CaHeader(name, value);
  },
  shown(text) {
    const end = text.indexOf('=');
    return end < 0 ? '…' : `${text.slice(0, end)}=…`;
  },
};
