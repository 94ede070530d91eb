import { Http2ErrorCode, StreamError } from './errors.js';
import type { HeaderField } from './header-table.js';

/** What a request says before its content. */
export interface RequestHead {
  readonly method: string;
  readonly path: string;
  /** All but the pseudo-header fields, as they came. */
  readonly fields: readonly HeaderField[];
  /** Of `content-length`, when there is one. */
  readonly contentBytes: number | undefined;
}

/** Lower case, and of those characters that a name may have. (RFC 9113 §8.2.1; RFC 9110 §5.6.2) */
const FIELD_NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;

/**
 * Neither a break nor a zero may be in a value (RFC 9113 §8.2.1). Looked for one by one, by what processors have for
 * that: an expression takes ten times as long for a token.
 */
function isBadValue(value: string): boolean {
  return value.includes('\n') || value.includes('\r') || value.includes('\0');
}

const COLON = 0x3a;

/** What every path begins with. (RFC 9113 §8.3.1) */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there.
const PATH = /^\/[^\u0000\r\n]*$/;

/** Digits that a number holds exactly. */
const CONTENT_LENGTH = /^\d{1,15}$/;

/** They speak of one hop, which frames do here. (RFC 9113 §8.2.2) */
const OF_CONNECTION = new Set(['connection', 'proxy-connection', 'keep-alive', 'transfer-encoding', 'upgrade']);

const PSEUDO = [':method', ':scheme', ':path', ':authority'] as const;

type PseudoFields = Record<(typeof PSEUDO)[number], string | undefined>;

function isPseudo(name: string): name is keyof PseudoFields {
  return (PSEUDO as readonly string[]).includes(name);
}

/**
 * Reads the fields of a request. By index and without a set or a map: thousands of requests come before this has run
 * often enough to be optimised, and each step of an iterator is an object then.
 * @throws StreamError when it is malformed. (RFC 9113 §8.1.1)
 */
export function readRequestHead(streamId: number, all: readonly HeaderField[]): RequestHead {
  const malformed = (message: string): StreamError => new StreamError(streamId, Http2ErrorCode.protocolError, message);
  const pseudo: PseudoFields = {
    ':method': undefined,
    ':scheme': undefined,
    ':path': undefined,
    ':authority': undefined,
  };
  let count = 0;
  for (let field = all[count]; field?.[0].charCodeAt(0) === COLON; field = all[count]) {
    const name = field[0];
    if (!isPseudo(name) || pseudo[name] !== undefined) {
      throw malformed('got a pseudo-header field that is unknown, or twice');
    }
    pseudo[name] = field[1];
    count += 1;
  }
  const { ':method': method, ':path': path } = pseudo;
  if (!method || !path || !pseudo[':scheme']) throw malformed('got a request without :method, :scheme or :path');
  if (!PATH.test(path) && !(path === '*' && method === 'OPTIONS')) throw malformed('got a :path that is none');
  const fields: HeaderField[] = [];
  let contentBytes: number | undefined;
  for (let index = count; index < all.length; index += 1) {
    const sent = all[index];
    if (sent === undefined) break;
    const field = isSpaced(sent[1]) ? withoutSpaces(sent) : sent;
    const name = field[0];
    const value = field[1];
    const problem = problemOf(name, value);
    if (problem !== undefined) throw malformed(problem);
    if (name === 'content-length') contentBytes = contentBytes === undefined ? lengthOf(value) : NO_LENGTH;
    fields.push(field);
  }
  if (contentBytes === NO_LENGTH) throw malformed('got a content-length that is no length, or twice');
  return { method, path, fields, contentBytes };
}

/**
 * A space is no part of a value where it begins or ends, and may be stripped (gRPC over HTTP/2, "Custom-Metadata").
 * HTTP/2 calls it malformed (RFC 9113 §8.2.1), for the harm that it does to proxies; but clients of gRPC send it, of a
 * token file for instance, and learn nothing from a reset: grpc-core takes such a field, nghttp2 and so grpc-js ignore
 * it, and none of them resets.
 */
function isSpaced(value: string): boolean {
  return isSpace(value, 0) || isSpace(value, value.length - 1);
}

/** Step by step: an expression for it takes the square of the time for a value that is all spaces but for its ends. */
function withoutSpaces([name, value]: HeaderField): HeaderField {
  let start = 0;
  let end = value.length;
  while (start < end && isSpace(value, start)) start += 1;
  while (end > start && isSpace(value, end - 1)) end -= 1;
  return [name, value.slice(start, end)];
}

function isSpace(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code === 0x20 || code === 0x09;
}

/** Stands for a `content-length` that is none. */
export const NO_LENGTH = -1;

/** Of a `content-length`; {@link NO_LENGTH} when it is no length. (RFC 9110 §8.6) */
export function lengthOf(value: string): number {
  return CONTENT_LENGTH.test(value) ? Number(value) : NO_LENGTH;
}

/** Why a field may stand in no message, that is behind its pseudo-header fields. (RFC 9113 §8.2.1, §8.2.2) */
export function problemOf(name: string, value: string): string | undefined {
  if (!FIELD_NAME.test(name) || isBadValue(value)) return 'got a field of characters that none may have';
  if (OF_CONNECTION.has(name)) return 'got a field that belongs to HTTP/1';
  return name === 'te' && value !== 'trailers' ? 'got a te field other than trailers' : undefined;
}

/** Whether fields may stand behind the content of a message. (RFC 9113 §8.1) */
export function areTrailers(all: readonly HeaderField[]): boolean {
  return all.every(([name, value]) => problemOf(name, value) === undefined);
}
