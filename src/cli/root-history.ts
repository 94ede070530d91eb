import { type AuthorityFields, readTrail, type TrailRecord } from '../citadel/trail/index.js';
import type { RootHistoryConfig } from '../config/index.js';
import { redact } from '../telemetry/index.js';
import { Exit, print } from './process.js';

/** `sidecert root history`: what a Citadel has signed with, and let be trusted, since when, by its trail. */
export async function runRootHistory({ directory, output }: RootHistoryConfig): Promise<number> {
  let before = '';
  for await (const record of readTrail(directory)) {
    const authority = authorityIn(record);
    if (authority === undefined || JSON.stringify(authority) === before) continue;
    before = JSON.stringify(authority);
    const { time } = record;
    const below = authority.intermediate === undefined ? '' : `, by its intermediate ${authority.intermediate}`;
    const shown = `${time} signs: ${authority.signer}${below}; trusted: ${authority.roots.join(', ')}`;
    print(output === 'json' ? `${JSON.stringify({ time, ...authority })}\n` : `${redact(shown)}\n`);
  }
  return Exit.ok;
}

/** A Citadel tells it when it begins, and with each change. */
function authorityIn({ event, signer, roots, intermediate }: TrailRecord): AuthorityFields | undefined {
  if (event !== 'opened' && event !== 'authority') return undefined;
  if (typeof signer !== 'string' || !Array.isArray(roots)) return undefined;
  return { signer, roots: roots.map(String), ...(typeof intermediate === 'string' && { intermediate }) };
}
