import type { SymptomId } from '../../symptoms/index.js';
import { JsonSection } from '../json-section.js';
import { type PageSource, type ReadPage, readConfigDump, readStatusPage } from '../read-page.js';
import { type EnvoyFacts, envoyFacts } from './envoy-facts.js';
import { type Handshake, playHandshake } from './play.js';
import type { SanMatcher } from './san-matcher.js';
import { type Side, sideOf, sideOfEnvoy } from './side.js';

/** One side, and where it is read. */
export interface ExplainedSide {
  readonly label: string;
  readonly page: PageSource;
  readonly envoy: PageSource | undefined;
  readonly identity: string | undefined;
  readonly expects: readonly { readonly kind: 'exact' | 'prefix'; readonly value: string }[];
}

export type Explanation =
  | { readonly kind: 'played'; readonly handshake: Handshake; readonly sides: readonly [client: Side, server: Side] }
  /** A side that cannot be read: nothing can be said of the handshake. */
  | { readonly kind: 'unread'; readonly problems: readonly UnreadSide[] };

export interface UnreadSide {
  readonly label: string;
  readonly reason: string;
  readonly symptom: SymptomId;
}

/** Reads both sides, and plays their handshake. Resolves in any case. */
export async function explainHandshake(
  [client, server]: readonly [ExplainedSide, ExplainedSide],
  now: () => number,
): Promise<Explanation> {
  const [first, second] = await Promise.all([readSide(client, now), readSide(server, now)]);
  if ('reason' in first || 'reason' in second) {
    return { kind: 'unread', problems: [first, second].filter((side) => 'reason' in side) };
  }
  return { kind: 'played', handshake: playHandshake(first, second), sides: [first, second] };
}

async function readSide(
  { label, page, envoy, identity, expects }: ExplainedSide,
  now: () => number,
): Promise<Side | UnreadSide> {
  const read = await readPage(page, now);
  if (read.kind === 'failed') return { label, reason: read.reason, symptom: read.symptom };
  const facts = envoy === undefined ? undefined : await readEnvoy(envoy);
  if (typeof facts === 'string') return { label, reason: facts, symptom: 'status-unreachable' };
  const { document, where, askedAtMs } = read;
  const expectedSans = expects.map(({ kind, value }): SanMatcher => ({ type: 'URI', kind, value, ignoresCase: false }));
  const settings = { label, where, aheadMs: undefined, envoy: facts, expectedSans, identity };
  const side = isConfigDump(document)
    ? sideOfEnvoy(envoyFacts(document, where), now(), settings)
    : sideOf(document, settings);
  if (typeof side === 'string') return { label, reason: `${where}: ${side}`, symptom: 'status-unreachable' };
  if (isConfigDump(document)) return side;
  return askedAtMs === undefined
    ? { ...side, ageMs: now() - side.nowMs }
    : { ...side, aheadMs: side.nowMs - askedAtMs };
}

/** Where the agent is another program, or has no page, the admin pages of its Envoy may be given in its place. */
async function readPage(source: PageSource, now: () => number): Promise<ReadPage> {
  const page = await readStatusPage(source, now);
  if (page.kind === 'read' || page.symptom !== 'status-unreachable') return page;
  const dump = await readConfigDump(source);
  return dump.kind === 'read' && isConfigDump(dump.document) ? dump : page;
}

/** What Envoy answers on `/config_dump`. */
function isConfigDump(document: unknown): boolean {
  const section = new JsonSection(document);
  return section.has('configs') && !section.has('identities');
}

/** A `string` says why it cannot be read. */
async function readEnvoy(source: PageSource): Promise<EnvoyFacts | string> {
  const read = await readConfigDump(source);
  return read.kind === 'failed' ? read.reason : envoyFacts(read.document, read.where);
}
