import { X509Certificate } from 'node:crypto';
import type { AuthorityFileSet, RotationRecord } from '../../citadel/authority/index.js';

/** What a CA directory, or a Secret, says of the change of its root. All public. */
export interface RootState {
  readonly record: RotationRecord;
  /** SHA-256 of the signing certificate, hex. */
  readonly signer: string;
  /** The same of all roots that are trusted. */
  readonly roots: readonly string[];
}

export interface Named {
  readonly count: number;
  readonly names: readonly string[];
}

/** What a Citadel tells, as far as a step is judged by it. */
interface ToldFacts {
  /** As messages name it. */
  readonly name: string;
  readonly signer: string;
  readonly roots: readonly string[];
  /** The longest life of what it issues. */
  readonly longestTtlMs: number;
  /** Workloads that there was no room for. */
  readonly forgotten: number;
  readonly withOtherRoots: Named;
}

/** One whose process runs, as far as is known. */
export interface CitadelFacts extends ToldFacts {
  /** What was issued before is not known; epoch milliseconds. */
  readonly knownSinceMs: number;
  readonly withOtherIssuer: Named;
}

/** One that has told nothing for a while, or that it ends, or was killed. */
export interface EndedReplica extends ToldFacts {
  /** When it told this; epoch milliseconds. */
  readonly atMs: number;
  /** It issued nothing afterwards. */
  readonly hasEnded: boolean;
  /** Those that are valid still. */
  readonly leaves: readonly (Named & { readonly issuer: string })[];
}

export type JudgedAction = 'activate' | 'retire' | 'abort';

export interface JudgedStep {
  readonly step: JudgedAction;
  /** As they are before it. */
  readonly files: AuthorityFileSet;
  readonly state: RootState;
  readonly nowMs: number;
  /** In place of what Citadels tell. */
  readonly longestTtlMs: number | undefined;
}

/** All who know something of those who hold certificates. */
export interface Witnesses {
  readonly citadels: readonly CitadelFacts[];
  readonly ended: readonly EndedReplica[];
}

/** Why a step would break workloads, a text each; none when it is safe as far as is known. Pure. */
export function rootStepProblems(judged: JudgedStep, { citadels, ended }: Witnesses): string[] {
  // Both roots are trusted then, whichever signs.
  if (judged.step === 'abort' && judged.state.record.step === 'active') return [];
  if (citadels.length === 0) {
    return [
      'no Citadel tells who would break, expected the --status-address of each, or with --kubernetes a report of each',
    ];
  }
  // A replica that was started with a shorter one does not know what certificates of before have.
  const goneAfterMs = judged.longestTtlMs ?? Math.max(...[...citadels, ...ended].map((told) => told.longestTtlMs));
  return [
    ...citadels.flatMap((citadel) => problemsOf(judged, citadel, goneAfterMs)),
    ...ended.flatMap((replica) => problemsOfEnded(judged, replica)),
  ];
}

function problemsOf(judged: JudgedStep, citadel: CitadelFacts, goneAfterMs: number): string[] {
  const { name } = citadel;
  if (!isUpToDate(judged.state, citadel)) return [`${name} does not use these files yet`];
  const gap = knowledgeGap(judged, citadel, goneAfterMs);
  return [
    ...(gap === undefined ? [] : [`${name} ${gap}`]),
    ...problemsOfWorkloads(judged, citadel, citadel.withOtherIssuer),
  ];
}

/** What an ended one has told counts for as long as the leaves of it are valid. */
function problemsOfEnded(judged: JudgedStep, replica: EndedReplica): string[] {
  const { name, atMs, hasEnded, leaves, withOtherRoots } = replica;
  const { state, nowMs, longestTtlMs = replica.longestTtlMs } = judged;
  const wasUpToDate = isUpToDate(state, replica);
  const others = leaves.filter(({ issuer }) => issuer !== state.signer);
  const problems = problemsOfWorkloads(
    judged,
    { name: `${name} (ended)`, withOtherRoots: wasUpToDate ? withOtherRoots : sumOf(leaves) },
    sumOf(others),
  );
  const goneMs = atMs + longestTtlMs;
  if (!hasEnded && !wasUpToDate && goneMs >= nowMs) {
    problems.push(
      `${name} has not reported since ${timeText(atMs)}: what it may have issued since expires by ${timeText(goneMs)}`,
    );
  }
  return problems;
}

function problemsOfWorkloads(
  { step }: JudgedStep,
  { name, withOtherRoots }: Pick<ToldFacts, 'name' | 'withOtherRoots'>,
  withOtherIssuer: Named,
): string[] {
  const tell = (who: Named, what: string): string[] =>
    who.count === 0 ? [] : [`${who.count} workloads of ${name} ${what}: ${shown(who)}`];
  return [
    // Who needs the roots that stay must have them; and whose certificate is of the one that goes must have another.
    ...(step === 'abort' ? [] : tell(withOtherRoots, 'do not have both roots yet')),
    ...(step === 'activate' ? [] : tell(withOtherIssuer, 'have a certificate that would be refused')),
  ];
}

function isUpToDate({ signer, roots }: RootState, told: Pick<ToldFacts, 'signer' | 'roots'>): boolean {
  return told.signer === signer && roots.every((root) => told.roots.includes(root));
}

function sumOf(all: readonly Named[]): Named {
  return { count: all.reduce((sum, { count }) => sum + count, 0), names: all.flatMap(({ names }) => names) };
}

/** What is not known, if there may be certificates that no Citadel has told of; none outlives `goneAfterMs`. */
function knowledgeGap(
  { step, files, nowMs }: JudgedStep,
  citadel: Pick<CitadelFacts, 'knownSinceMs' | 'forgotten'>,
  goneAfterMs: number,
): string | undefined {
  if (citadel.forgotten > 0) return `had no room for ${citadel.forgotten} workloads that it issued to`;
  // Those of the authority that goes, or, before both are trusted, of the one in use.
  const pem = files.get({ activate: 'ca-cert.pem', retire: 'old-cert.pem', abort: 'next-cert.pem' }[step]);
  const begunMs = pem === undefined ? 0 : Date.parse(new X509Certificate(pem).validFrom);
  const goneMs = citadel.knownSinceMs + goneAfterMs;
  if (citadel.knownSinceMs <= begunMs || goneMs < nowMs) return undefined;
  return `knows of no certificates that were issued before ${timeText(citadel.knownSinceMs)}, which may be valid until ${timeText(goneMs)}`;
}

function timeText(ms: number): string {
  return Number.isFinite(ms) ? new Date(ms).toISOString() : 'a time that is not known';
}

function shown({ count, names }: Named): string {
  return names.slice(0, 10).join(', ') + (count > Math.min(10, names.length) ? ', …' : '');
}
