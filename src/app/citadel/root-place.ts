import {
  type AuthorityFileSet,
  type AuthorityStore,
  changeAuthoritySet,
  readAuthoritySet,
} from '../../citadel/authority/index.js';
import type { ApiClient } from '../../kubernetes/api/index.js';
import { decodeReports, factsOfReports, type ReplicaReport } from './replica-report.js';
import { configMapBoard, type DirectoryBoard, directoryBoard } from './report-board.js';
import type { CitadelFacts, Witnesses } from './root-judgement.js';
import { RootSecret } from './root-secret.js';

type Change = (files: AuthorityFileSet) => Promise<AuthorityFileSet>;

/** Where the files are that changed files are to be checked from, before they are in use. */
type Check = (found: { readonly directory: string } | { readonly store: AuthorityStore }) => Promise<void>;

/** Where an authority is that a command changes, and who knows of its workloads. */
export interface RootPlace {
  /** Who asks wipes the keys. */
  read(): Promise<AuthorityFileSet>;
  /** All files at once, or none: as of `changeAuthoritySet`. `change` may be asked twice. */
  change(change: Change, check: Check): Promise<AuthorityFileSet>;
  witnesses(nowMs: number): Promise<Witnesses>;
}

/** A directory of this machine; `citadels` are those that use it. */
export function directoryPlace(directory: string, citadels: readonly CitadelFacts[]): RootPlace {
  return {
    read: () => readAuthoritySet(directory),
    change: (change, check) => changeAuthoritySet(directory, change, (set) => check({ directory: set })),
    witnesses: async () => ({ citadels, ended: [] }),
  };
}

/** A directory whose Citadels tell on a board in it; `own` gives what this one knows now, under its key there. */
export function sharedDirectoryPlace(directory: string, own: () => OwnReport): RootPlace {
  const board = directoryBoard(directory);
  return {
    ...directoryPlace(directory, []),
    async witnesses(nowMs) {
      const ours = own();
      const { key, knownSinceMs, report } = ours;
      const { reports, ...told } = decodeReports(await board.read());
      const { known, killed } = await othersOf(board, reports, { ...ours, nowMs });
      const others = factsOfReports({ ...told, reports: known }, nowMs, killed);
      // Its trail may tell more than the board does.
      const since = Math.min(told.knownSinceMs, knownSinceMs);
      const self = factsOfReports({ knownSinceMs: since, reports: new Map([[key, report]]) }, nowMs);
      return { citadels: [...self.citadels, ...others.citadels], ended: others.ended };
    },
  };
}

interface OwnReport {
  readonly key: string;
  readonly knownSinceMs: number;
  readonly report: ReplicaReport;
  /** As of {@link endedCitadels}, before our trail was read. */
  readonly endedBefore: ReadonlySet<string>;
}

/**
 * The keys of those Citadels of a directory whose processes have certainly ended, and could not tell so.
 * @throws IdentityError `ERR_SIGNER_INVALID`: the reports cannot be read.
 */
export async function endedCitadels(directory: string): Promise<ReadonlySet<string>> {
  const board = directoryBoard(directory);
  const ended = new Set<string>();
  for (const [key, report] of decodeReports(await board.read()).reports)
    if (await wasKilled(board, key, report)) ended.add(key);
  return ended;
}

async function wasKilled(board: DirectoryBoard, key: string, { bootId, hasEnded }: ReplicaReport): Promise<boolean> {
  return bootId !== undefined && !hasEnded && (await board.life(key, bootId)) === 'ended';
}

/**
 * The reports of others, and which of them are of processes that were killed. Of one that had our trail, and had ended
 * before we read that, all that it has issued is known better than it could tell.
 */
async function othersOf(
  board: DirectoryBoard,
  reports: ReadonlyMap<string, ReplicaReport>,
  { nowMs, ...own }: OwnReport & { readonly nowMs: number },
) {
  const known = new Map<string, ReplicaReport>();
  const killed = new Set<string>();
  for (const [key, report] of reports) {
    if (key === own.key) continue;
    if (await wasKilled(board, key, report)) {
      killed.add(key);
      const { bootId, trail } = report;
      const hadOurTrail = trail !== undefined && trail === own.report.trail && bootId === own.report.bootId;
      if (hadOurTrail && own.endedBefore.has(key) && isKnownWhole(report, own.knownSinceMs, nowMs)) continue;
    }
    known.set(key, report);
  }
  return { known, killed };
}

/** Whether all that one has issued, and that may be valid, was issued after `knownSinceMs`. */
function isKnownWhole({ startedAtMs, longestTtlMs }: ReplicaReport, knownSinceMs: number, nowMs: number): boolean {
  const wasBegunAfter = startedAtMs !== undefined && knownSinceMs <= startedAtMs;
  return wasBegunAfter || knownSinceMs + longestTtlMs < nowMs;
}

/** The Secret of a cluster. Its replicas tell of their workloads in a ConfigMap beside it. */
export function secretPlace(client: ApiClient, namespace: string): RootPlace {
  const secret = new RootSecret(client, namespace);
  const board = configMapBoard(client, namespace);
  return {
    read: () => secret.files(),
    change: (change, check) =>
      secret.change(async (files) => {
        const after = await change(files);
        await check({ store: storeOf(secret.name, after) });
        return after;
      }),
    async witnesses(nowMs) {
      return factsOfReports(decodeReports(await board.read()), nowMs);
    },
  };
}

/** What is read is in memory of its own, which its reader wipes. */
function storeOf(name: string, files: AuthorityFileSet): AuthorityStore {
  return {
    name,
    read: async () => new Map([...files].map(([file, content]) => [file, Buffer.from(content)])),
    create: async () => false,
  };
}
