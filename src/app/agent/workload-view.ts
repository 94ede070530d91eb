import type { WorkloadIdentity } from '../../agent/identity/index.js';
import type { SecretView, SecretViewEvents, ServedSecret } from '../../agent/sds/index.js';
import type { FileSecretsOfStream, SecretCatalog, WorkloadSecrets } from '../../agent/secrets/index.js';

/** What a stream's own token brings along. */
export interface StreamAdmission {
  /** The stream has gone. */
  release(): void;
  /** Calls `end` when the token is good no more, until the result is called. */
  onTokenNeeded(end: () => void): () => void;
}

/**
 * One stream's view: the workload's secrets, and the files. A name means at most one of them: the configuration has
 * been checked for that.
 */
export class WorkloadView implements SecretView {
  private readonly workload: WorkloadSecrets;
  private readonly catalog: SecretCatalog;
  private readonly admission: StreamAdmission | undefined;
  /** Few streams want a file, and there are thousands of streams. */
  private files: FileSecretsOfStream | undefined;
  private events: SecretViewEvents | undefined;
  private unlisten: (() => void) | undefined;
  private isClosed = false;

  constructor(identity: WorkloadIdentity, catalog: SecretCatalog, admission?: StreamAdmission) {
    this.workload = catalog.of(identity);
    this.catalog = catalog;
    this.admission = admission;
  }

  /** By the token that the CA has accepted. */
  get isProven(): boolean {
    return this.admission !== undefined;
  }

  secret(name: string): ServedSecret | undefined {
    return this.workload.secret(name) ?? this.file(name);
  }

  isImpossible(name: string): boolean {
    return !this.workload.mayServe(name) && !this.catalog.files.mayServe(name);
  }

  subscribe(events: SecretViewEvents): void {
    this.events = events;
    this.workload.subscribe(events);
    // Ended with OK, Envoy comes back at once and reads its token file again.
    this.unlisten = this.admission?.onTokenNeeded(() => events.end());
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.files?.close();
    if (this.events !== undefined) this.workload.unsubscribe(this.events);
    this.unlisten?.();
    this.admission?.release();
  }

  private file(name: string): ServedSecret | undefined {
    const { files } = this.catalog;
    if (!files.mayServe(name)) return undefined;
    this.files ??= files.openStream((one) => this.events?.changed([one]));
    return this.files.secret(name);
  }
}
