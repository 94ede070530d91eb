import type { SpiffeId } from '../../pki/spiffe/index.js';
import type { AuthenticatedWorkload } from '../authn/index.js';

/** A workload that holds a certificate, as far as this Citadel knows. */
interface Workload {
  readonly name: string;
  connection: number;
  /** SHA-256 fingerprint of the certificate that its leaf was signed with, hex. */
  readonly issuer: string;
  readonly notAfterMs: number;
  /** The roots that it was last told, or has told that it has. */
  roots: string;
}

/** Who asks, as it was proven. */
type Caller = Pick<AuthenticatedWorkload, 'spiffeId' | 'podName'>;

/** Who would break if the old root went, or the next one signed. */
export interface FleetSummary {
  /** What was issued before is not known; epoch milliseconds. */
  readonly knownSinceMs: number;
  /** Those with a certificate that is valid. */
  readonly workloads: number;
  /** How many of them do not have the roots of now, and the names of some. */
  readonly withOtherRoots: Named;
  /** How many of them have a leaf that was not signed by the certificate in use, and the names of some. */
  readonly withOtherIssuer: Named;
  /** Those that there was no room for. */
  readonly forgotten: number;
}

export interface Named {
  readonly count: number;
  readonly names: readonly string[];
}

/** 20 MB of them; a replica has no more callers. */
const MAX_WORKLOADS = 100_000;

const MAX_NAMES = 50;

/**
 * Which roots the workloads have that this Citadel has issued to, and what their leaves were signed with: by what it
 * has answered, and by what agents say that they have when they ask for news. An agent serves a leaf of another root
 * only when its Envoys have that root.
 */
export class FleetView {
  private readonly workloads = new Map<string, Workload>();
  private readonly byConnection = new Map<number, Set<Workload>>();
  private readonly knownSinceMs: number;
  private forgotten = 0;

  /** `now` gives epoch milliseconds. */
  constructor(private readonly now: () => number) {
    this.knownSinceMs = now();
  }

  /** A certificate was issued, and these roots were told with it. */
  issued({ spiffeId, podName }: Caller, facts: Omit<Workload, 'name'>): void {
    const name = nameOf(spiffeId, podName);
    const known = this.workloads.get(name);
    if (known !== undefined) this.forget(known);
    else if (this.workloads.size >= MAX_WORKLOADS) this.makeRoom();
    const workload = { name, ...facts };
    this.workloads.set(name, workload);
    this.ofConnection(facts.connection).add(workload);
  }

  /** The agent behind a connection has these roots, and so have all the workloads that it has asked for. */
  has({ spiffeId, podName }: Caller, connection: number, roots: string): void {
    const asked = this.workloads.get(nameOf(spiffeId, podName));
    // It has come back by another connection, with all its workloads.
    if (asked !== undefined && asked.connection !== connection) this.move(asked.connection, connection);
    for (const workload of this.byConnection.get(connection) ?? []) workload.roots = roots;
  }

  /** As it is for these roots, and this signing certificate. */
  summary(roots: string, issuer: string): FleetSummary {
    this.dropExpired();
    const withOtherRoots: string[] = [];
    const withOtherIssuer: string[] = [];
    for (const workload of this.workloads.values()) {
      if (workload.roots !== roots) withOtherRoots.push(workload.name);
      if (workload.issuer !== issuer) withOtherIssuer.push(workload.name);
    }
    return {
      ...{ knownSinceMs: this.knownSinceMs, workloads: this.workloads.size, forgotten: this.forgotten },
      ...{ withOtherRoots: named(withOtherRoots), withOtherIssuer: named(withOtherIssuer) },
    };
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
    if (others?.size === 0) this.byConnection.delete(workload.connection);
  }

  private move(from: number, to: number): void {
    const target = this.ofConnection(to);
    for (const workload of this.byConnection.get(from) ?? []) {
      workload.connection = to;
      target.add(workload);
    }
    this.byConnection.delete(from);
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

function nameOf(spiffeId: SpiffeId, podName: string | undefined): string {
  return podName === undefined ? spiffeId.toString() : `${spiffeId} (pod ${podName})`;
}

function named(names: readonly string[]): Named {
  return { count: names.length, names: names.slice(0, MAX_NAMES) };
}
