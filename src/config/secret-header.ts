import { inspect } from 'node:util';
import type { Kind } from './kinds.js';

/** A header of calls to others. What stands in it may be a secret: it shows itself without its value. */
export class SecretHeader {
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
  ...['clusterid', 'connection', 'content-length', 'content-type', 'host', 'keep-alive'],
  ...['proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'user-agent'],
]);

/** Of calls to the CA. */
export const caHeader: Kind<SecretHeader> = {
  placeholder: 'NAME=VALUE',
  expected:
    'NAME=VALUE, NAME of letters, digits, "-", "_" and ".", neither one that the agent sets itself nor grpc-… nor …-bin, VALUE printable ASCII',
  parse(text) {
    const header = headerOf(text);
    // Of a binary header the value is base64 of other octets. (gRPC over HTTP/2, "Binary-Header")
    const isOfGrpc = header?.name.startsWith('grpc-') || header?.name.endsWith('-bin');
    return header === undefined || isOfGrpc || header.name === 'authorization' ? undefined : header;
  },
  shown: shownHeader,
};

/** Of requests to a collector of traces, which may want one to say who asks. */
export const otlpHeader: Kind<SecretHeader> = {
  placeholder: 'NAME=VALUE',
  expected: 'NAME=VALUE, NAME of letters, digits, "-", "_" and ".", none that the protocol sets, VALUE printable ASCII',
  parse: headerOf,
  shown: shownHeader,
};

function headerOf(text: string): SecretHeader | undefined {
  const [, written, value] = HEADER.exec(text) ?? [];
  const name = written?.toLowerCase();
  return name === undefined || value === undefined || RESERVED.has(name) ? undefined : new SecretHeader(name, value);
}

function shownHeader(text: string): string {
  const end = text.indexOf('=');
  return end < 0 ? '…' : `${text.slice(0, end)}=…`;
}
