import { CallFailure, status } from '../../net/grpc/index.js';

/** What a second of a run has brought. */
export interface CaLoadSecond {
  /** Requests that began in it. */
  begun: number;
  issued: number;
  failed: number;
  /** Of what was issued in it, in milliseconds. */
  readonly latenciesMs: number[];
}

/** What has failed in one way. */
export interface FailedCalls {
  /** The text of the first. */
  readonly first: string;
  readonly latenciesMs: number[];
  /** How long the CA wants not to be asked again, of those that said so. */
  readonly retryAfterMs: number[];
}

/** Takes note of each call of a run; what becomes of the notes is the report's. All times are milliseconds. */
export class CallTimes {
  /** Attempts that brought a certificate, from their beginning; in an open loop from when they were due. */
  readonly issuedMs: number[] = [];
  /** Requests that came to one, from when they were due, the waits between their attempts included. */
  readonly completedMs: number[] = [];
  /** By the name of the gRPC status. */
  readonly failures = new Map<string, FailedCalls>();
  readonly seconds: CaLoadSecond[] = [];
  begun = 0;
  failed = 0;
  /** Were due while too many were in flight. */
  unsent = 0;
  lastIssuedAtMs: number | undefined;

  constructor(private readonly startedAtMs: number) {}

  began(atMs: number): void {
    this.begun += 1;
    this.secondOf(atMs).begun += 1;
  }

  issued(latencyMs: number, atMs: number): void {
    this.issuedMs.push(latencyMs);
    this.lastIssuedAtMs = atMs;
    const second = this.secondOf(atMs);
    second.issued += 1;
    second.latenciesMs.push(latencyMs);
  }

  refused(failure: unknown, latencyMs: number, atMs: number): void {
    this.failed += 1;
    this.secondOf(atMs).failed += 1;
    const name = failure instanceof CallFailure ? (status[failure.code] ?? `status ${failure.code}`) : 'INTERNAL';
    const first = failure instanceof CallFailure ? failure.details : String(failure);
    const known = this.failures.get(name) ?? { first, latenciesMs: [], retryAfterMs: [] };
    this.failures.set(name, known);
    known.latenciesMs.push(latencyMs);
    if (failure instanceof CallFailure && failure.retryAfterMs !== undefined) {
      known.retryAfterMs.push(failure.retryAfterMs);
    }
  }

  private secondOf(atMs: number): CaLoadSecond {
    const index = Math.max(0, Math.floor((atMs - this.startedAtMs) / 1000));
    for (let next = this.seconds.length; next <= index; next += 1) {
      this.seconds.push({ begun: 0, issued: 0, failed: 0, latenciesMs: [] });
    }
    const second = this.seconds[index];
    if (second === undefined) throw new RangeError(`second ${index}: expected one that has begun`);
    return second;
  }
}
