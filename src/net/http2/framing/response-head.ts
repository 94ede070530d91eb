import { Http2ErrorCode, StreamError } from './errors.js';
import type { HeaderField } from './header-table.js';
import { lengthOf, NO_LENGTH, problemOf } from './request-head.js';

/** What a response says before its content. */
export interface ResponseHead {
  /** Three digits. Below 200 the final one is still to come. (RFC 9110 §15.2) */
  readonly status: number;
  /** All but `:status`, as they came. */
  readonly fields: readonly HeaderField[];
  /** Of `content-length`, when there is one. */
  readonly contentBytes: number | undefined;
}

const STATUS = /^[1-9]\d\d$/;

/**
 * Reads the fields of a response. By index, as those of a request are read.
 * @throws StreamError when it is malformed. (RFC 9113 §8.1.1, §8.3.2)
 */
export function readResponseHead(streamId: number, all: readonly HeaderField[]): ResponseHead {
  const malformed = (message: string): StreamError => new StreamError(streamId, Http2ErrorCode.protocolError, message);
  const first = all[0];
  if (first?.[0] !== ':status' || !STATUS.test(first[1])) throw malformed('got a response without :status');
  const fields = all.slice(1);
  let contentBytes: number | undefined;
  for (let index = 0; index < fields.length; index += 1) {
    const name = fields[index]?.[0] ?? '';
    const value = fields[index]?.[1] ?? '';
    // A second pseudo-header field is none of the names that these may have.
    const problem = problemOf(name, value);
    if (problem !== undefined) throw malformed(problem);
    if (name === 'content-length') contentBytes = contentBytes === undefined ? lengthOf(value) : NO_LENGTH;
  }
  if (contentBytes === NO_LENGTH) throw malformed('got a content-length that is no length, or twice');
  return { status: Number(first[1]), fields, contentBytes };
}
