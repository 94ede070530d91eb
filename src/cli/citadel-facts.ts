import type { CitadelFacts } from '../app/index.js';
import { JsonSection, type LocalTarget, targetText } from '../explain/index.js';

/** What the page of a Citadel says of its roots and of those who hold its certificates; `undefined` on another page. */
export function readCitadelFacts(target: LocalTarget, document: unknown): CitadelFacts | undefined {
  const page = new JsonSection(document);
  const [authority, fleet] = [page.section('authority'), page.section('fleet')];
  const [signer, knownSinceMs] = [authority?.text('fingerprint'), fleet?.timeMs('known_since')];
  const [roots, issuer] = [namedIn(fleet, 'with_other_roots'), namedIn(fleet, 'with_other_issuer')];
  if (signer === undefined || knownSinceMs === undefined || roots === undefined || issuer === undefined)
    return undefined;
  return {
    ...{ name: `the Citadel at ${targetText(target)}`, signer, knownSinceMs },
    longestTtlMs: fleet?.number('longest_ttl_ms') ?? Number.POSITIVE_INFINITY,
    forgotten: fleet?.number('forgotten') ?? 0,
    roots: authority?.longTexts('root_fingerprints', 64) ?? [],
    ...{ withOtherRoots: roots, withOtherIssuer: issuer },
  };
}

function namedIn(fleet: JsonSection | undefined, name: string): CitadelFacts['withOtherRoots'] | undefined {
  const section = fleet?.section(name);
  const count = section?.number('count');
  return count === undefined ? undefined : { count, names: section?.longTexts('names', 400) ?? [] };
}
