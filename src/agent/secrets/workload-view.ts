import type { SecretContent } from '../identity/index.js';
import type { FileSecretsOfStream } from './file-secrets.js';
import type { SecretCatalog } from './secret-catalog.js';
import type { ServedIdentity, WorkloadListener, WorkloadSecrets } from './workload-secrets.js';

/** What is told to the stream. */
export interface ViewEvents extends WorkloadListener {
  /** The stream has to be opened again. */
  end(): void;
}

/** What a stream's own token brings along. */
export interface ViewLease {
  /** The stream has gone. */
  release(): void;
  /** Calls `end` when the token is good no more, until the result is called. */
  onTokenNeeded(end: () => void): () => void;
}

/**
 * One stream's view: the workload's secrets, and the files. A name means at most one of them: the configuration has
 * been checked for that.
 */
export class WorkloadView {
  private readonly workload: WorkloadSecrets;
  private readonly catalog: SecretCatalog;
  private readonly lease: ViewLease | undefined;
  /** Few streams want a file, and there are thousands of streams. */
  private files: FileSecretsOfStream | undefined;
  private events: ViewEvents | undefined;
  private unlisten: (() => void) | undefined;
  private isClosed = false;

  constructor(identity: ServedIdentity, catalog: SecretCatalog, lease?: ViewLease) {
    this.workload = catalog.of(identity);
    this.catalog = catalog;
    this.lease = lease;
  }

  /** By the token that the CA has accepted. */
  get isProven(): boolean {
    return this.lease !== undefined;
  }

  /** The newest content of a name; `undefined` when it is none of this stream's, or is not there yet. */
  secret(name: string): SecretContent | undefined {
    return this.workload.secret(name) ?? this.file(name);
  }

  /** Whether no secret of that name can ever be. */
  isImpossible(name: string): boolean {
    return !this.workload.mayServe(name) && !this.catalog.files.mayServe(name);
  }

  /** Those that have a name of their own: of files that are named by their paths there may be more. */
  servedNames(): readonly string[] {
    return [...this.workload.servedNames(), ...this.catalog.files.servedNames()];
  }

  /** Tells of each change, until {@link close}. */
  subscribe(events: ViewEvents): void {
    this.events = events;
    this.workload.subscribe(events);
    // Ended with OK, Envoy comes back at once and reads its token file again.
    this.unlisten = this.lease?.onTokenNeeded(() => events.end());
  }

  /** Safe to call twice. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.files?.close();
    if (this.events !== undefined) this.workload.unsubscribe(this.events);
    this.unlisten?.();
    this.lease?.release();
  }

  private file(name: string): SecretContent | undefined {
    const { files } = this.catalog;
    if (!files.mayServe(name)) return undefined;
    this.files ??= files.openStream((one) => this.events?.changed([one]));
    return this.files.secret(name);
  }
}
