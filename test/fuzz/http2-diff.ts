import type { Random } from '../hostile/conversations.js';
import { CLIENT_STREAMS, playNghttp2Client, playOurClient } from './http2-diff/client-halves.js';
import { allowedBy } from './http2-diff/differences.js';
import { playNghttp2Server, playOurServer, SERVER_STREAMS } from './http2-diff/server-halves.js';
import { hostileStep } from './http2-diff/steps.js';
import type { Outcome } from './http2-diff/verdict.js';
import type { Fault, FuzzTarget } from './target.js';

/**
 * The same frames for our halves of HTTP/2 and for those of nghttp2 (`node:http2`): both must accept them, end the
 * stream, or end the connection. What differs deliberately stands in http2-diff/differences.ts, with its reason.
 */
export const http2Diff: FuzzTarget = {
  name: 'http2-diff',
  maxInputMs: 1000,
  maxGrownMb: 30,
  testRuns: 1500,
  open() {
    const met = { accepted: 0, 'stream error': 0, 'connection error': 0, 'differs deliberately': 0 };
    const compare = async (random: Random): Promise<Fault> => {
      const isServer = random() < 0.6;
      const step = isServer
        ? hostileStep(random, 'client', SERVER_STREAMS)
        : hostileStep(random, 'server', CLIENT_STREAMS);
      const ours = await (isServer ? playOurServer : playOurClient)(step.bytes);
      const theirs = await (isServer ? playNghttp2Server : playNghttp2Client)(step.bytes);
      if (ours.verdict !== 'no answer') met[ours.verdict] += 1;
      if (agree(ours, theirs)) return undefined;
      const half = isServer ? 'server' : 'client';
      const difference = allowedBy({ half, label: step.label, ours, theirs });
      if (difference !== undefined) {
        met['differs deliberately'] += 1;
        return undefined;
      }
      const told = JSON.stringify({ ours, theirs });
      return `${half}: ${step.label}: ${told}: ${step.bytes.subarray(0, 200).toString('hex')}`;
    };
    return { met, run: compare };
  },
};

/**
 * What was served counts where both go on: what is told of a stream before it is reset depends on where its fault is
 * looked for.
 */
function agree(ours: Outcome, theirs: Outcome): boolean {
  return ours.verdict === theirs.verdict && (ours.verdict !== 'accepted' || ours.served === theirs.served);
}
