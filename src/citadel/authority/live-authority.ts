import { join } from 'node:path';
import { errorCodeOf, messageOf } from '../../errors/index.js';
import type { Signer } from '../../hotpath/index.js';
import { ChangingFiles } from '../../system/small-files/index.js';
import { Field, type Logger } from '../../telemetry/index.js';
import { type Every, everyUnreferenced } from '../../timers/index.js';
import { AUTHORITY_FILE_NAMES } from './authority-directory.js';
import { readActiveSet, readRotation, wipeKeys } from './authority-sets.js';
import type { AuthorityStore } from './authority-store.js';
import { otherSigners } from './other-signers.js';
import { type RotationRecord, rotationOf } from './root-rotation.js';
import {
  type OpenedAuthority,
  openSigningAuthority,
  reopenSigningAuthority,
  type SigningAuthority,
  type SigningAuthorityOptions,
} from './signing-authority.js';

/** To look at a directory costs some `stat`s. */
const LOOK_MS = 1500;

/** To look at a store is a call to an API server. */
const LOOK_AT_STORE_MS = 60_000;

export interface LiveAuthorityOptions extends SigningAuthorityOptions {
  readonly every?: Every;
}

/**
 * The authority that Citadel signs with now. When its files change, by a person, cert-manager or the kubelet, the new
 * ones are in use within seconds, if they make an authority; else the last good one stays.
 */
export class LiveAuthority {
  private readonly files: ChangingFiles;
  private readonly logger: Logger;
  private readonly listeners: (() => void)[] = [];
  private readonly stop: () => void;
  private looking: Promise<void> | undefined;
  /** Why what the files say now is not in use, and since how many looks. */
  private refused: { readonly message: string; readonly looks: number } | undefined;

  private constructor(
    private readonly options: LiveAuthorityOptions,
    private opened: OpenedAuthority,
    private lastRotation: RotationRecord | undefined,
  ) {
    const { directory = '', every = everyUnreferenced, logger } = options;
    this.logger = logger;
    this.files = new ChangingFiles(AUTHORITY_FILE_NAMES.map((name) => join(directory, name)));
    const { from } = opened;
    this.stop =
      from === 'memory' ? () => {} : every(from === 'store' ? LOOK_AT_STORE_MS : LOOK_MS, () => void this.look());
  }

  /** @throws IdentityError as of {@link openSigningAuthority}. */
  static async open(options: LiveAuthorityOptions): Promise<LiveAuthority> {
    const opened = await openSigningAuthority(options);
    return new LiveAuthority(options, opened, await rotationBeside(options, opened));
  }

  /** Never changes itself: what is issued by it is of one piece. */
  get current(): SigningAuthority {
    return this.opened.authority;
  }

  /** Whether this process has made the authority, so that nothing was issued by it before. */
  get isFresh(): boolean {
    return this.opened.isFresh;
  }

  /** Where its files are. */
  get keptIn(): OpenedAuthority['from'] {
    return this.opened.from;
  }

  /** Where the change of its root stands; `undefined` when there never was one by `sidecert root`. */
  get rotation(): RotationRecord | undefined {
    return this.lastRotation;
  }

  /**
   * During a change of the root the key that is to sign next, or that has signed before, where the one in use is kept.
   * @throws IdentityError `ERR_SIGNER_INVALID`; what the store throws.
   */
  async otherSigners(): Promise<readonly Signer[]> {
    const { directory, store } = this.options;
    switch (this.opened.from) {
      case 'directory':
        return otherSigners(await readActiveSet(directory ?? ''));
      case 'store':
        return otherSigners((await store?.read()) ?? new Map());
      case 'memory':
        return [];
      default:
        return this.opened.from satisfies never;
    }
  }

  /** Why the files as they are now are not in use; `undefined` when they are. */
  get problem(): string | undefined {
    // The first look may have come while they were being written.
    return (this.refused?.looks ?? 0) > 1 ? this.refused?.message : undefined;
  }

  /** Calls `listener` each time another authority is in use. */
  onChange(listener: () => void): void {
    this.listeners.push(listener);
  }

  /** Looks at the files now, whatever their times say. Never rejects. */
  async reload(): Promise<void> {
    await this.looking;
    this.files.forget();
    await this.look();
  }

  /** Looks no more. Safe to call twice. */
  close(): void {
    this.stop();
  }

  /** Never rejects: there is a good state. */
  private look(): Promise<void> {
    this.looking ??= this.lookOnce().finally(() => {
      this.looking = undefined;
    });
    return this.looking;
  }

  private async lookOnce(): Promise<void> {
    const { from } = this.opened;
    if (from === 'memory') return;
    if (from === 'directory' && !(await this.files.haveChanged(this.options.now()))) return;
    try {
      const opened = await reopenSigningAuthority(this.options, this.opened);
      this.refused = undefined;
      // After the files: a record that is newer than they are comes with files that have changed once more.
      this.lastRotation = await rotationBeside(this.options, this.opened);
      if (opened !== undefined) this.use(opened);
    } catch (error) {
      this.files.forget();
      this.refuse(error);
    }
  }

  private use(opened: OpenedAuthority): void {
    const before = this.opened.authority;
    this.opened = opened;
    const { authority } = opened;
    const after = authority.bundle.list().map(({ fingerprint256 }) => fingerprint256);
    const gone = before.bundle.list().filter(({ fingerprint256 }) => !after.includes(fingerprint256));
    this.logger.info('signing authority reloaded', {
      [Field.serial]: authority.signer.certificate.serialNumber.toLowerCase(),
      [Field.previous]: before.signer.certificate.serialNumber.toLowerCase(),
      [Field.notAfter]: new Date(authority.notAfterMs).toISOString(),
      [Field.bundleSize]: authority.bundle.size,
    });
    if (gone.length > 0) {
      this.logger.warn('roots are gone from the trust bundle: certificates below them are refused from now on', {
        [Field.serial]: gone.map(({ serialNumber }) => serialNumber.toLowerCase()).join(' '),
      });
    }
    for (const listener of this.listeners) listener();
  }

  private refuse(error: unknown): void {
    const message = messageOf(error);
    const looks = this.refused?.message === message ? this.refused.looks + 1 : 1;
    this.refused = { message, looks };
    if (looks !== 2) return;
    const code = errorCodeOf(error);
    const fields = { [Field.code]: code, [Field.error]: message };
    // A store that is away is told of by its own client, and is no news of the authority.
    if (code.startsWith('ERR_KUBERNETES_')) this.logger.debug('signing authority could not be looked at', fields);
    else this.logger.warn('signing authority could not be reloaded, the last good one stays', fields);
  }
}

async function rotationBeside(
  { directory, store }: LiveAuthorityOptions,
  { from }: OpenedAuthority,
): Promise<RotationRecord | undefined> {
  if (from === 'directory' && directory !== undefined) return readRotation(directory);
  return from === 'store' && store !== undefined ? readKeptRotation(store) : undefined;
}

/** As {@link readRotation}. */
async function readKeptRotation(store: AuthorityStore): Promise<RotationRecord | undefined> {
  try {
    const kept = await store.read();
    if (kept === undefined) return undefined;
    wipeKeys(kept);
    const record = rotationOf(kept);
    return record.since === undefined ? undefined : record;
  } catch {
    return undefined;
  }
}
