import type { Outcome, Verdict } from './verdict.js';

/** A step on which the two halves may differ in their verdicts, and why ours is as it is. */
interface Difference {
  readonly half: 'server' | 'client' | 'both';
  /** Of the label of the step: `TYPE, variant, state of its stream`. */
  readonly step: RegExp;
  readonly ours: Verdict;
  readonly theirs: Verdict;
  readonly why: string;
}

/** Nothing else may differ. "Must" and "may" are those of the section that is named. */
export const DIFFERENCES: readonly Difference[] = [
  {
    ...{ half: 'server', step: /^(?:DATA|HEADERS), .*, half-closed \(remote\)$/ },
    ...{ ours: 'stream error', theirs: 'connection error' },
    why: 'RFC 9113 §5.1, half-closed (remote): "must respond with a stream error of type STREAM_CLOSED"',
  },
  {
    ...{ half: 'server', step: /^DATA, .*, (?:ended by both|idle and below the last|reset by the peer)$/ },
    ...{ ours: 'stream error', theirs: 'accepted' },
    why: 'RFC 9113 §5.1, closed: frames behind the end of the peer may be an error; nghttp2 forgets such streams and ignores them',
  },
  {
    ...{ half: 'both', step: /^DATA, (?:more padding than frame|padded, and empty), / },
    ...{ ours: 'connection error', theirs: 'accepted' },
    why: 'RFC 9113 §6.1: "must be treated as a connection error"; nghttp2 does not look at padding on closed streams',
  },
  {
    ...{ half: 'server', step: /^HEADERS, .*, (?:ended by both|idle and below the last|reset by the peer)$/ },
    ...{ ours: 'connection error', theirs: 'accepted' },
    why: 'RFC 9113 §5.1.1: a stream that is not above the last must be a connection error; nghttp2 ignores it',
  },
  {
    ...{ half: 'server', step: /^HEADERS, a priority on itself, / },
    ...{ ours: 'stream error', theirs: 'accepted' },
    why: 'RFC 7540 §5.3.1: "a stream error of type PROTOCOL_ERROR"; RFC 9113 §5.3 does without priorities',
  },
  {
    ...{ half: 'server', step: /^HEADERS, a priority on itself, / },
    ...{ ours: 'stream error', theirs: 'connection error' },
    why: 'RFC 7540 §5.3.1, as above',
  },
  {
    ...{ half: 'server', step: /^HEADERS, without :authority, idle$/, ours: 'accepted', theirs: 'stream error' },
    why: 'RFC 9113 §8.3.1: :method, :scheme and :path are what a request must have; over a Unix socket there is no authority',
  },
  {
    ...{ half: 'server', step: /^HEADERS, a head and some block, idle$/, ours: 'accepted', theirs: 'accepted' },
    why: 'RFC 9113 §10.5.1, as below: node:http2 has a limit for the number of fields, and serves a list that is above our 64 KiB',
  },
  {
    ...{ half: 'server', step: /^HEADERS, (a head and )?some block, idle$/, ours: 'accepted', theirs: 'stream error' },
    why: 'RFC 9113 §10.5.1: a header list above the limit is answered with 431; nghttp2 resets its stream',
  },
  {
    ...{ half: 'both', step: /^HEADERS, / },
    ...{ ours: 'stream error', theirs: 'accepted' },
    why:
      'RFC 9113 §8.2.1: a name or value of characters that none may have "must be treated as malformed"; node:http2 has nghttp2 drop ' +
      'the field and go on',
  },
  {
    ...{ half: 'client', step: /^DATA, .*, without an answer$/, ours: 'stream error', theirs: 'connection error' },
    why: 'RFC 9113 §8.1.1: DATA before the head is a malformed response, and that a stream error',
  },
  {
    ...{ half: 'client', step: /^PUSH_PROMISE, right, /, ours: 'connection error', theirs: 'stream error' },
    why: 'RFC 9113 §6.6: with ENABLE_PUSH 0 acknowledged it "must be treated as a connection error of type PROTOCOL_ERROR"',
  },
  {
    ...{ half: 'both', step: /^PRIORITY, four octets, / },
    ...{ ours: 'stream error', theirs: 'connection error' },
    why: 'RFC 9113 §6.3: "must be treated as a stream error of type FRAME_SIZE_ERROR"',
  },
  {
    ...{ half: 'client', step: /^PRIORITY, four octets, / },
    ...{ ours: 'accepted', theirs: 'connection error' },
    why: 'RFC 9113 §6.3, as above, of a stream that is closed, or has never begun, and so cannot be reset (§5.1)',
  },
  {
    ...{ half: 'server', step: /^PRIORITY, on itself, /, ours: 'stream error', theirs: 'connection error' },
    why: 'RFC 7540 §5.3.1: "a stream error of type PROTOCOL_ERROR"',
  },
  {
    ...{ half: 'server', step: /^PRIORITY, on itself, /, ours: 'stream error', theirs: 'accepted' },
    why: 'RFC 7540 §5.3.1, as above; nghttp2 of Node.js 22 and newer does not look into PRIORITY any more',
  },
  {
    ...{
      half: 'server',
      step: /^PRIORITY, on itself, (?:idle|of the server)$/,
      ours: 'connection error',
      theirs: 'accepted',
    },
    why: 'the same, of a stream that has never begun, and so cannot be reset (RFC 9113 §5.1)',
  },
  {
    ...{
      half: 'both',
      step: /^PRIORITY, (?:right|on itself), connection$/,
      ours: 'connection error',
      theirs: 'accepted',
    },
    why: 'RFC 9113 §6.3: without a stream it "must be treated as a connection error"; the same nghttp2 does not look',
  },
  {
    ...{ half: 'client', step: /^PRIORITY, on itself, /, ours: 'accepted', theirs: 'connection error' },
    why: 'RFC 9113 §5.3.2: priorities are not used; what a server says of them means nothing',
  },
  {
    ...{ half: 'both', step: /^WINDOW_UPDATE, of (?:0|2147483647), / },
    ...{ ours: 'stream error', theirs: 'connection error' },
    why: 'RFC 9113 §6.9, §6.9.1: of a stream it is a stream error',
  },
  {
    ...{ half: 'server', step: /^WINDOW_UPDATE, of 0, /, ours: 'stream error', theirs: 'accepted' },
    why: 'RFC 9113 §6.9: an increment of 0 "must be treated as a stream error", of a closed stream, too',
  },
  {
    ...{ half: 'both', step: /^PING, an ACK, connection$/, ours: 'accepted', theirs: 'connection error' },
    why: 'RFC 9113 §6.7 knows no error for an answer that nobody waits for; node:http2 (not nghttp2) ends the session. A flood is one',
  },
  {
    ...{ half: 'server', step: /^GOAWAY, right, connection$/, ours: 'accepted', theirs: 'connection error' },
    why: 'RFC 9113 §6.8: streams that have begun go on; node:http2 destroys the session with its GOAWAY',
  },
];

export interface Compared {
  readonly half: 'server' | 'client';
  readonly label: string;
  readonly ours: Outcome;
  readonly theirs: Outcome;
}

/** The difference that allows it; `undefined` when none does. */
export function allowedBy({ half, label, ours, theirs }: Compared): Difference | undefined {
  return DIFFERENCES.find(
    (one) =>
      (one.half === half || one.half === 'both') &&
      one.step.test(label) &&
      one.ours === ours.verdict &&
      one.theirs === theirs.verdict,
  );
}
