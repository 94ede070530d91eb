import { type ErrorCode, errorCodeOf, type FailureRecord, failureRecord } from '../../errors/index.js';
import { Field, type Logger, Metric, type MetricRegistry } from '../../telemetry/index.js';
import type { ScheduledCall, WallClockTimers } from '../../timers/index.js';
import type { OutputDirectory } from './output-directory.js';
import { type SvidFiles, wipeFiles } from './svid-files.js';

/** Whose SVID is written. */
export interface OutputSource {
  /** What holds now, as copies; `undefined` while there is no valid SVID. */
  files(): SvidFiles | undefined;
  /** Calls `listener` after each change of the leaf or of the trust bundle, until the result is called. */
  onChange(listener: () => void): () => void;
}

/** How the files stand, for an operator. */
export interface OutputStatus {
  readonly path: string;
  /** `waiting` for the first SVID; `written` as held; `failing`: what is there is older than what is held. */
  readonly state: 'waiting' | 'written' | 'failing';
  /** Of the leaf in the files that this process has written. */
  readonly serial: string | undefined;
  /** Epoch milliseconds. */
  readonly writtenAtMs: number | undefined;
  /** In a row, since the last success. */
  readonly failures: number;
  readonly lastFailure: FailureRecord | undefined;
}

export interface OutputCertsOptions {
  readonly directory: OutputDirectory;
  readonly source: OutputSource;
  /** Is told when the files have been switched. Must not throw. */
  readonly onSwitched?: (files: { readonly path: string; readonly serial: string }) => void;
  readonly timers: WallClockTimers;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
}

/** The first try after a failure; each further one waits twice as long. */
const FIRST_RETRY_MS = 1000;

/** A disk that has room again is written to half a minute later at the latest. */
const MAX_RETRY_MS = 30_000;

/** Between two looks whether the files are still there. */
const LOOK_MS = 30_000;

/** Of failures in a row, one of so many has a line in the log: about every five minutes. */
const LOGGED_FAILURES = 10;

/**
 * Keeps a directory as the SVID of a workload: written at each change of leaf and trust bundle, again after a failure,
 * and again when the files have been removed. Whatever fails here is told, and touches nothing else.
 */
export class OutputCerts {
  private stop = (): void => {};
  private isDue = false;
  private writing: Promise<void> | undefined;
  private next: ScheduledCall | undefined;
  private isClosed = false;
  private hasWarned = false;
  private failures = 0;
  private lastFailure: OutputStatus['lastFailure'];
  private written: { readonly serial: string; readonly atMs: number } | undefined;

  constructor(private readonly options: OutputCertsOptions) {}

  /** Writes what holds already, and follows it from then on. */
  start(): void {
    this.stop = this.options.source.onChange(() => this.write());
    this.write();
  }

  status(): OutputStatus {
    const { failures, lastFailure, written } = this;
    const path = this.options.directory.path;
    const state = failures > 0 ? 'failing' : written === undefined ? 'waiting' : 'written';
    return { path, state, serial: written?.serial, writtenAtMs: written?.atMs, failures, lastFailure };
  }

  /** The files stay. Resolves when none is being written. Safe to call twice. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.stop();
    this.next?.cancel();
    await this.writing;
  }

  /** What changes while files are written is written after them: the last state counts. */
  private write(): void {
    this.isDue = true;
    this.writing ??= this.writeWhileDue();
  }

  /** Never rejects. */
  private async writeWhileDue(): Promise<void> {
    this.next?.cancel();
    while (this.isDue && !this.isClosed) {
      this.isDue = false;
      await this.writeNow();
    }
    // In one go with the last look at `isDue`: what changes from here on begins again.
    this.writing = undefined;
    this.planNext();
  }

  private async writeNow(): Promise<void> {
    const { directory, source, onSwitched, metrics, now } = this.options;
    const files = source.files();
    if (files === undefined) return;
    const { serial } = files;
    let code: ErrorCode | 'OK' = 'OK';
    try {
      await directory.write(files);
      this.succeeded(serial, now());
    } catch (error) {
      code = errorCodeOf(error);
      this.failed(failureRecord(error, now()), serial);
    } finally {
      wipeFiles(files);
    }
    metrics.counter(Metric.outputWrites, { code }).add();
    if (code !== 'OK') return;
    onSwitched?.({ path: directory.path, serial });
    await this.warnOfDisk();
  }

  private planNext(): void {
    if (this.isClosed) return;
    const { timers, now } = this.options;
    const retryMs = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** (this.failures - 1));
    this.next =
      this.failures > 0
        ? timers.schedule(now() + retryMs, () => this.write())
        : timers.schedule(now() + LOOK_MS, () => void this.look());
  }

  /** Files that another process has replaced stay: with a takeover, those are the successor's. Never rejects. */
  private async look(): Promise<void> {
    const { directory, logger } = this.options;
    const isComplete = this.written === undefined || (await directory.isComplete());
    if (this.isClosed || this.writing !== undefined) return;
    if (isComplete) {
      this.planNext();
      return;
    }
    logger.warn('svid files were removed, writing them again', { [Field.path]: directory.path });
    this.write();
  }

  private succeeded(serial: string, atMs: number): void {
    this.failures = 0;
    this.written = { serial, atMs };
    this.options.logger.info('svid files written', {
      [Field.path]: this.options.directory.path,
      [Field.serial]: serial,
    });
  }

  private failed(failure: FailureRecord, serial: string): void {
    const isNew = this.failures === 0 || this.lastFailure?.message !== failure.message;
    this.failures += 1;
    this.lastFailure = failure;
    this.options.logger[isNew || this.failures % LOGGED_FAILURES === 0 ? 'error' : 'debug']('svid files not written', {
      [Field.path]: this.options.directory.path,
      [Field.serial]: serial,
      [Field.attempt]: this.failures,
      [Field.code]: failure.code,
      [Field.error]: failure.message,
    });
  }

  /** Once, as soon as the directory is there. */
  private async warnOfDisk(): Promise<void> {
    if (this.hasWarned) return;
    this.hasWarned = true;
    const { directory, logger } = this.options;
    const isInMemory = await directory.isInMemory();
    const fields = { [Field.path]: directory.path };
    if (isInMemory) logger.warn('private keys are written to files, in memory', fields);
    else logger.warn('private keys are written to a disk, expected a file system in memory (tmpfs)', fields);
  }
}
