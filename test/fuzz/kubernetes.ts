import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { CONFIG_MAPS } from '../../src/kubernetes/api/index.js';
import { takeSecretData } from '../../src/kubernetes/api/secret-codec.js';
import { readWatch } from '../../src/kubernetes/api/watch-stream.js';
import { systemClock } from '../../src/timers/index.js';
import type { Reader } from './json.js';

const secret = { metadata: { name: 'a', labels: { b: '"{}' } }, data: { 'ca-key.pem': 'AAEC', b: '' }, type: 'Opaque' };

/**
 * Secrets, which are read by bytes: what has one meaning only has that of `JSON.parse`, and is taken out of the text.
 */
export const secrets: Reader = {
  seeds: [JSON.stringify(secret), JSON.stringify(secret, null, 2), '{"data":null,"metadata":{"data":{"a":1}}}'],
  words: ['data', 'AAEC', 'AA==', '\\"', '{', '}', 'metadata', 'ca-key.pem', '1e3', 'null'],
  read(bytes) {
    const text = bytes.toString();
    const taken = takeSecretData(bytes);
    let meant: unknown;
    try {
      meant = JSON.parse(text);
    } catch {
      return { end: 'no JSON' };
    }
    // Not canonical: with names twice, or escaped, which no API server writes.
    if (JSON.stringify(meant) !== text || text.includes('\\')) return { end: 'secret in another spelling' };
    const { data: member } = meant as { data?: unknown };
    const data =
      typeof member === 'object' && member !== null && !Array.isArray(member) ? (member as Record<string, string>) : {};
    const wanted = JSON.stringify(Object.entries(data).map(([name, value]) => [name, value]));
    const got = JSON.stringify([...taken].map(([name, octets]) => [name, octets.toString('base64')]));
    if (wanted !== got) return { end: 'secret', fault: `read ${got}, JSON.parse ${wanted}` };
    const left = JSON.parse(bytes.toString());
    const isLeft = Object.entries(data).some(
      ([name, value]) => value !== '' && left.data[name] === value && !/^A+$/.test(value),
    );
    return { end: 'secret', ...(isLeft && { fault: 'left data in the text' }) };
  },
};

const object = { metadata: { name: 'a', namespace: 'b', uid: 'c', resourceVersion: '7' }, data: { d: 'e' } };

/** What a watch brings: events, or a code of ours; in pieces as they come. */
export const watches: Reader = {
  seeds: [
    `${JSON.stringify({ type: 'ADDED', object })}\n${JSON.stringify({ type: 'BOOKMARK', object })}\n`,
    `${JSON.stringify({ type: 'DELETED', object })}\n${JSON.stringify({ type: 'ERROR', object: { code: 410 } })}\n`,
  ],
  words: ['type', 'object', 'metadata', 'resourceVersion', 'ADDED', 'BOOKMARK', 'ERROR', 'code', '410', '\n', '{}\n'],
  async read(bytes) {
    const pieces = [bytes.subarray(0, 40), bytes.subarray(40, 41), bytes.subarray(41)].filter(
      ({ length }) => length > 0,
    );
    const head = Object.assign(Readable.from(pieces, { objectMode: false }), { statusCode: 200 });
    let events = 0;
    await readWatch(head as unknown as IncomingMessage, {
      call: { verb: 'watch', resource: 'configmaps', object: '' },
      resource: CONFIG_MAPS,
      onEvent: () => {
        events += 1;
      },
      ...{ idleMs: 60_000, clock: systemClock, maxLineBytes: 100_000, maxErrorBytes: 1000 },
    });
    return { end: `watch of ${events > 0 ? 'events' : 'nothing'}` };
  },
};
