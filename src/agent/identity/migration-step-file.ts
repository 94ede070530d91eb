import { stat } from 'node:fs/promises';
import { IdentityError, messageOf } from '../../errors/index.js';
import { FileValue } from '../../system/small-files/index.js';
import { Field, type Logger } from '../../telemetry/index.js';
import { MIGRATION_STEPS, type MigrationStep } from './migration.js';

/** Tells when a file has become another one. */
export interface StepFileChanges {
  onChange(path: string, listener: () => void): () => void;
}

export interface MigrationStepFileOptions {
  readonly path: string;
  readonly changes: StepFileChanges;
  readonly logger: Logger;
  /** Told of each step that the file says after {@link MigrationStepFile.open}. */
  readonly onStep: (step: MigrationStep) => void;
}

/** A step is one word. */
const MAX_BYTES = 64;

/**
 * The file that says the step of a migration while the agent runs, and after its next start. Until there is one the
 * step is that of the settings. One that goes, or says something else, changes nothing: the last step stays, and the
 * problem is told.
 */
export class MigrationStepFile {
  private readonly file: FileValue<MigrationStep>;
  private lastProblem: string | undefined;
  private readonly end: () => void;

  private constructor(private readonly options: MigrationStepFileOptions) {
    const { path, changes } = options;
    this.file = new FileValue({
      ...{ path, what: `migration step file ${path}`, code: 'ERR_CONFIG_INVALID', maxBytes: MAX_BYTES },
      parse: parseStep,
      onRefused: (error) => this.refuse(error),
    });
    // Before it is read: what is written in between must not be missed.
    this.end = changes.onChange(path, () => void this.read());
  }

  /** `step` is `undefined` where the file does not say one. */
  static async open(
    options: MigrationStepFileOptions,
  ): Promise<{ readonly file: MigrationStepFile; readonly step: MigrationStep | undefined }> {
    const file = new MigrationStepFile(options);
    const isThere = await stat(options.path).then(
      () => true,
      () => false,
    );
    return { file, step: isThere ? await file.newest() : undefined };
  }

  get path(): string {
    return this.options.path;
  }

  /** Why its last state was not taken; `undefined` when it was. */
  get problem(): string | undefined {
    return this.lastProblem;
  }

  /** Safe to call twice. */
  close(): void {
    this.end();
  }

  private async read(): Promise<void> {
    const step = await this.newest();
    if (step !== undefined) this.options.onStep(step);
  }

  private async newest(): Promise<MigrationStep | undefined> {
    const { path, logger } = this.options;
    this.lastProblem = undefined;
    const step = await this.file.newest().catch((error: unknown) => this.refuse(error));
    if (this.lastProblem === undefined) return step;
    logger.warn('migration step file is not used, the step stays', {
      [Field.path]: path,
      [Field.error]: this.lastProblem,
    });
    return undefined;
  }

  private refuse(error: unknown): undefined {
    this.lastProblem = messageOf(error);
  }
}

function parseStep(content: Buffer): MigrationStep {
  const text = content.toString('utf8').trim();
  const step = MIGRATION_STEPS.find((one) => one === text);
  if (step !== undefined) return step;
  throw new IdentityError(
    'ERR_CONFIG_INVALID',
    `migration step file: got ${JSON.stringify(text)}, expected one of ${MIGRATION_STEPS.join(', ')}`,
  );
}
