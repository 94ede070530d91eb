import type { SpiffeId } from '../../pki/spiffe/index.js';
import type { AuthenticatedWorkload } from '../authn/index.js';
import type { Envoys } from './trust-bundle-codec.js';

/** A workload that holds a certificate, as far as this Citadel knows. */
interface Workload {
  readonly name: string;
  connection: number;
  /** SHA-256 fingerprint of the certificate that its leaf was signed with, hex. */
  readonly issuer: string;
  readonly notAfterMs: number;
  /** Of an agent that tells, the roots that it has told; of another one those that it was given. */
  roots: string;
  /** Which keys have a list among the revocation lists that it has: a text to compare, empty without lists. */
  listKeys: string;
  /** Until then it may have lists of before that it has not told of; epoch milliseconds. */
  listsUntoldUntilMs: number;
  /** Envoys that do not have the newest roots of the agent that asks for this one. */
  unacknowledged: Envoys;
  /** Envoys that do not have the newest leaf of that agent, and may have one of another issuer. */
  withFormerLeaf: Envoys;
}

/** What is known of one by a certificate that it was issued. */
type LeafFacts = Pick<Workload, 'connection' | 'issuer' | 'notAfterMs' | 'roots'>;

/** Who asks, as it was proven. */
type Caller = Pick<AuthenticatedWorkload, 'spiffeId' | 'podName'>;

/** Who would break if the old root went, or the next one signed. */
export interface FleetSummary {
  /** What was issued before is not known; epoch milliseconds. */
  readonly knownSinceMs: number;
  /** Those with a certificate that is valid. */
  readonly workloads: number;
  /**
   * How many of them, or of their Envoys, do not have the roots of now, or have revocation lists without one of each
   * key, and the names of some.
   */
  readonly withOtherRoots: Named;
  /** How many of them have a leaf that was not signed by the certificate in use, and the names of some. */
  readonly withOtherIssuer: Named;
  /** Those that there was no room for. */
  readonly forgotten: number;
}

/** Leaves that are valid still. */
export interface LeavesOfIssuer extends Named {
  /** SHA-256 fingerprint of what they were signed with, hex. */
  readonly issuer: string;
  /** When the last of them expires; epoch milliseconds. */
  readonly untilMs: number;
}

export interface Named {
  readonly count: number;
  readonly names: readonly string[];
}

/** What an agent says that it has. */
interface HeldRoots {
  readonly roots: string;
  readonly listKeys: string;
  readonly unacknowledged: Envoys;
  readonly withFormerLeaf: Envoys;
}

/** The revocation lists of this Citadel. */
export interface ListsNow {
  /** As of {@link HeldRoots}. */
  readonly keys: string;
  /** A key may have no list yet. */
  readonly isBehind: boolean;
}

/** What the trail says of a leaf that was issued before this process began. */
export interface RestoredLeaf {
  readonly spiffeId: string;
  readonly podName: string | undefined;
  /** As of {@link Workload}; empty when it is not known. */
  readonly issuer: string;
  readonly notAfterMs: number;
}

/** Since when an agent has something to tell, and within how long its Envoys have it; milliseconds. */
interface Untold {
  /** Epoch milliseconds. */
  readonly sinceMs: number;
  readonly withinMs: number;
  /** Whether Envoys may have a leaf of another issuer meanwhile. */
  readonly mayHaveFormer: boolean;
}

/** In place of a connection: that of a workload from the trail is not known. */
const RESTORED = -1;

const NONE: Envoys = { count: 0, nodeIds: [] };

/**
 * So long after a leaf was issued an agent has given it to its Envoys: 5 s where a bundle goes before it.
 * What it tells earlier may be of the leaf before.
 */
const SERVED_WITHIN_MS = 10_000;

/**
 * So long after an agent has come by another connection, maybe as another process, its Envoys are back: they wait 30 s
 * at most between two tries. What it tells earlier is of those that are.
 */
const BACK_WITHIN_MS = 40_000;

/**
 * After a restart of Citadel an agent asks for news again within so long, however often it has found none: what lists
 * it has is known then.
 */
const ASKS_WITHIN_MS = 10 * 60_000;

/** In place of roots, and of the keys of lists: which it has is not known, and none of now are the same. */
export const NOT_KNOWN = '?';

/** Of one in whose name its agent has told nothing of Envoys. */
const TOLD_OF_NONE = { listsUntoldUntilMs: 0, unacknowledged: NONE, withFormerLeaf: NONE };

const NO_LISTS: ListsNow = { keys: '', isBehind: false };

/** 20 MB of them; a replica has no more callers. */
const MAX_WORKLOADS = 100_000;

const MAX_NAMES = 50;

/** As of a leaf from a trail that does not tell. */
const UNKNOWN_ISSUER = '';

/**
 * Which roots the workloads have that this Citadel has issued to, and what their leaves were signed with: by what
 * agents say that they have when they ask for news, and of those that never do by what they were answered. An agent
 * serves a leaf of another root only when its Envoys have that root; whether they have taken that leaf, too, it tells
 * when it asks the next time.
 */
export class FleetView {
  private readonly workloads = new Map<string, Workload>();
  private readonly byConnection = new Map<number, Set<Workload>>();
  /** Connections of agents that tell of their Envoys. */
  private readonly telling = new Set<number>();
  /** Those of them whose Envoys may have something else since they have told. */
  private readonly untold = new Map<number, Untold>();
  private forgotten = 0;

  /** `now` gives epoch milliseconds; `knownSinceMs` as of {@link FleetSummary}. */
  constructor(
    private readonly now: () => number,
    private knownSinceMs = now(),
  ) {}

  /** What was issued from this time on is known, in epoch milliseconds: the trail has been read. */
  knowsSince(atMs: number): void {
    this.knownSinceMs = Math.min(this.knownSinceMs, atMs);
  }

  /** A leaf of the trail: its workload counts as one without the roots of now until it says that it has them. */
  restored({ spiffeId, podName, ...leaf }: RestoredLeaf): void {
    const known = this.workloads.get(nameOf(spiffeId, podName));
    // Live facts are newer than those of the trail.
    if (!(leaf.notAfterMs >= this.now()) || (known !== undefined && known.connection !== RESTORED)) return;
    this.keep(nameOf(spiffeId, podName), { connection: RESTORED, roots: '', ...leaf });
  }

  /** A certificate was issued, and these roots were told with it. */
  issued({ spiffeId, podName }: Caller, facts: LeafFacts): void {
    const name = nameOf(spiffeId, podName);
    const known = this.workloads.get(name);
    if (known === undefined || !this.telling.has(known.connection)) {
      this.keep(name, facts);
      return;
    }
    const { connection } = facts;
    const isOther = known.connection !== connection;
    const isOtherIssuer = known.issuer !== facts.issuer;
    const before = isOther ? this.joined(known.connection, connection) : this.untold.get(connection);
    // Which roots its Envoys have it tells: it got these a moment ago.
    this.keep(name, { ...facts, roots: known.roots });
    this.telling.add(connection);
    // A process that began a moment ago may get other roots before its Envoys are back, and tell of none of them.
    const newMs = isOther ? BACK_WITHIN_MS : isOtherIssuer ? SERVED_WITHIN_MS : 0;
    const untold =
      newMs === 0
        ? before
        : {
            sinceMs: this.now(),
            withinMs: Math.max(before?.withinMs ?? 0, newMs),
            mayHaveFormer: isOtherIssuer || before?.mayHaveFormer === true,
          };
    if (untold !== undefined) this.untold.set(connection, untold);
  }

  /** Whether the agent behind a connection could tell now what its Envoys have, and has not told it yet. */
  awaits(connection: number): boolean {
    const untold = this.untold.get(connection);
    // The distance, not the order: a clock that was set back must not keep it waiting.
    return untold !== undefined && Math.abs(this.now() - untold.sinceMs) >= untold.withinMs;
  }

  private keep(name: string, facts: LeafFacts): void {
    const known = this.workloads.get(name);
    if (known !== undefined) this.forget(known);
    else if (this.workloads.size >= MAX_WORKLOADS) this.makeRoom();
    const { unacknowledged = NONE, withFormerLeaf = NONE, listKeys = '', listsUntoldUntilMs = 0 } = known ?? {};
    const isBack = known?.connection === RESTORED && facts.connection !== RESTORED;
    const untoldUntilMs = isBack ? this.now() + ASKS_WITHIN_MS : listsUntoldUntilMs;
    const lists = { listKeys, listsUntoldUntilMs: untoldUntilMs };
    const workload = { name, unacknowledged, withFormerLeaf, ...lists, ...facts };
    this.workloads.set(name, workload);
    this.ofConnection(facts.connection).add(workload);
  }

  /**
   * The agent behind a connection has these roots, and so have all the workloads that it has asked for, but for Envoys
   * of its that have not acknowledged them.
   */
  has({ spiffeId, podName }: Caller, connection: number, told: HeldRoots): void {
    const { roots, listKeys, unacknowledged, withFormerLeaf } = told;
    const asked = this.workloads.get(nameOf(spiffeId, podName));
    // It has come back by another connection, with all its workloads.
    if (asked?.connection === RESTORED) this.connect(asked, connection);
    else if (asked !== undefined && asked.connection !== connection) this.move(asked.connection, connection);
    const isAwaited = this.awaits(connection);
    const areAllBack = isAwaited || this.untold.get(connection)?.withinMs !== BACK_WITHIN_MS;
    const ofConnection = this.byConnection.get(connection) ?? new Set();
    for (const workload of ofConnection) {
      if (areAllBack) Object.assign(workload, { ...TOLD_OF_NONE, roots, listKeys });
      // Envoys that are not back may have what was told before.
      else Object.assign(workload, { roots: both(workload.roots, roots), listKeys: both(workload.listKeys, listKeys) });
    }
    // The agent tells of all its Envoys in the name of one workload, which may be another one than the last time, or
    // one that is not known any more.
    const [named = asked] = asked === undefined ? ofConnection : [asked];
    if (named === undefined) return;
    named.unacknowledged = allOf(named.unacknowledged, unacknowledged);
    named.withFormerLeaf = allOf(named.withFormerLeaf, withFormerLeaf);
    this.telling.add(connection);
    if (isAwaited) this.untold.delete(connection);
  }

  /** The agent behind a connection was given other lists: which it has is known when it tells so. */
  gaveLists(connection: number): void {
    for (const workload of this.byConnection.get(connection) ?? []) workload.listKeys = NOT_KNOWN;
  }

  /** As it is for these roots, this signing certificate and these revocation lists. */
  summary(roots: string, issuer: string, lists: ListsNow = NO_LISTS): FleetSummary {
    this.dropExpired();
    const [withOtherRoots, withOtherIssuer] = [new Names(), new Names()];
    for (const { name, ...workload } of this.workloads.values()) {
      const { count, nodeIds } = workload.unacknowledged;
      if (workload.roots !== roots) withOtherRoots.add([name]);
      else if (count > 0)
        withOtherRoots.add(
          nodeIds.map((id) => `${name}: Envoy ${id}`),
          count,
        );
      else if (this.lacksLists(workload, lists)) withOtherRoots.add([`${name} (revocation lists)`]);
      if (workload.issuer !== issuer) withOtherIssuer.add([name]);
      else this.addFormer({ name, ...workload }, withOtherIssuer);
    }
    return {
      ...{ knownSinceMs: this.knownSinceMs, workloads: this.workloads.size, forgotten: this.forgotten },
      ...{ withOtherRoots, withOtherIssuer },
    };
  }

  /** Who has leaves of which signing certificate, and until when. */
  leaves(): readonly LeavesOfIssuer[] {
    this.dropExpired();
    const byIssuer = new Map<string, { leaves: Names; untilMs: number }>();
    const of = (issuer: string, untilMs: number): Names => {
      const known = byIssuer.get(issuer) ?? { leaves: new Names(), untilMs: 0 };
      known.untilMs = Math.max(known.untilMs, untilMs);
      byIssuer.set(issuer, known);
      return known.leaves;
    };
    for (const workload of this.workloads.values()) {
      of(workload.issuer, workload.notAfterMs).add([workload.name]);
      if (this.mayHaveFormer(workload)) this.addFormer(workload, of(UNKNOWN_ISSUER, workload.notAfterMs));
    }
    return [...byIssuer].map(([issuer, { leaves, untilMs }]) => {
      return { issuer, untilMs, count: leaves.count, names: leaves.names };
    });
  }

  /** With any list Envoy refuses the leaves of each key that has none. */
  private lacksLists({ connection, listKeys, listsUntoldUntilMs }: Omit<Workload, 'name'>, now: ListsNow): boolean {
    // It may get lists of before at any moment.
    if (now.isBehind && now.keys !== '' && this.telling.has(connection)) return true;
    if (listKeys !== '') return listKeys !== now.keys;
    return now.keys !== '' && this.now() < listsUntoldUntilMs;
  }

  private mayHaveFormer({ withFormerLeaf, connection }: Workload): boolean {
    return withFormerLeaf.count > 0 || this.mayServeFormer(connection);
  }

  private mayServeFormer(connection: number): boolean {
    return this.untold.get(connection)?.mayHaveFormer === true;
  }

  /** Those behind a workload whose newest leaf is of the right issuer, and that may serve an older one. */
  private addFormer({ name, connection, withFormerLeaf: { count, nodeIds } }: Workload, names: Names): void {
    if (count > 0) {
      names.add(
        nodeIds.map((id) => `${name}: Envoy ${id}`),
        count,
      );
    } else if (this.mayServeFormer(connection)) names.add([`${name}: Envoys that its agent has not told of yet`]);
  }

  private makeRoom(): void {
    this.dropExpired();
    const [oldest] = this.workloads.values();
    if (oldest === undefined || this.workloads.size < MAX_WORKLOADS) return;
    this.forget(oldest);
    this.forgotten += 1;
  }

  private forget(workload: Workload): void {
    this.workloads.delete(workload.name);
    const others = this.byConnection.get(workload.connection);
    others?.delete(workload);
    if (others?.size === 0) this.dropConnection(workload.connection);
  }

  private dropConnection(connection: number): void {
    this.byConnection.delete(connection);
    this.telling.delete(connection);
    this.untold.delete(connection);
  }

  /** An agent tells by another connection. One that was started again gets a certificate before it tells. */
  private move(from: number, to: number): void {
    const target = this.ofConnection(to);
    const workloads = [...(this.byConnection.get(from) ?? [])];
    // Which may not be back, all the same, where it got that certificate of another Citadel.
    const isOfEnvoys = workloads.some((one) => one.unacknowledged.count + one.withFormerLeaf.count > 0);
    const before = this.joined(from, to);
    const isBack = { sinceMs: this.now(), withinMs: BACK_WITHIN_MS, mayHaveFormer: before?.mayHaveFormer === true };
    const untold = isOfEnvoys ? isBack : before;
    if (untold !== undefined) this.untold.set(to, untold);
    for (const workload of workloads) {
      workload.connection = to;
      target.add(workload);
    }
    this.dropConnection(from);
  }

  /** What is untold of two connections of one agent. */
  private joined(from: number, to: number): Untold | undefined {
    const [one, other] = [this.untold.get(from), this.untold.get(to)];
    if (one === undefined || other === undefined) return one ?? other;
    return {
      sinceMs: Math.max(one.sinceMs, other.sinceMs),
      withinMs: Math.max(one.withinMs, other.withinMs),
      mayHaveFormer: one.mayHaveFormer || other.mayHaveFormer,
    };
  }

  /** Of the workloads from the trail it is not known which others have come back with this one. */
  private connect(workload: Workload, connection: number): void {
    this.byConnection.get(workload.connection)?.delete(workload);
    workload.connection = connection;
    this.ofConnection(connection).add(workload);
  }

  private ofConnection(connection: number): Set<Workload> {
    const known = this.byConnection.get(connection) ?? new Set();
    this.byConnection.set(connection, known);
    return known;
  }

  private dropExpired(): void {
    const nowMs = this.now();
    for (const workload of this.workloads.values()) if (workload.notAfterMs < nowMs) this.forget(workload);
  }
}

function nameOf(spiffeId: SpiffeId | string, podName: string | undefined): string {
  return podName === undefined ? spiffeId.toString() : `${spiffeId} (pod ${podName})`;
}

/** Of two sets of Envoys. */
function both(before: string, now: string): string {
  return before === now ? now : NOT_KNOWN;
}

/** At least so many: those that have no name may be the same. */
function allOf(one: Envoys, other: Envoys): Envoys {
  const nodeIds = [...new Set([...one.nodeIds, ...other.nodeIds])].slice(0, MAX_NAMES);
  return { count: Math.max(one.count, other.count, nodeIds.length), nodeIds };
}

/** How many there are, and some of their names. */
class Names implements Named {
  count = 0;
  readonly names: string[] = [];

  add(names: readonly string[], count = names.length): void {
    this.count += count;
    this.names.push(...names.slice(0, MAX_NAMES - this.names.length));
  }
}
