import { hash } from 'node:crypto';
import { dirname } from 'node:path';
import { IdentityError, messageOf } from '../../errors/index.js';
import { encodePem, type RevocationReason } from '../../pki/x509/index.js';
import { pathError, readIfThere, syncDirectory, writeWhole } from '../../system/small-files/index.js';
import { Field, type Logger, Metric, MetricRegistry } from '../../telemetry/index.js';
import { clipped, plainSerial } from '../../text/index.js';
import { type Every, everyUnreferenced } from '../../timers/index.js';
import type { ListSigner } from './list-signer.js';
import { decodeState, encodeState, NOTHING_REVOKED, type RevocationState, type Revoked } from './revocation-state.js';
import { RENEW_MS, signLists } from './sign-lists.js';

/** A certificate that was issued, as it is found again. */
export interface FoundCertificate {
  /** Hex, without zeros in front. */
  readonly serial: string;
  readonly identity: string | undefined;
  /** Epoch milliseconds. */
  readonly notAfterMs: number;
  /** The {@link ListSigner.id} of what it was signed with, where it is known. */
  readonly issuer?: string | undefined;
}

/** Which certificates: by one of these. */
export type RevocationOrder =
  | { readonly serial: string }
  /** All of a SPIFFE ID that have not expired. */
  | { readonly identity: string }
  /** Those that another Citadel has issued. */
  | { readonly certificates: readonly FoundCertificate[] };

export interface Revoker {
  readonly reason: RevocationReason;
  /** As the trail names it. */
  readonly by: string;
  /** Only tells which certificates it would be. */
  readonly isTrial: boolean;
  /** No other key issues below the root of the intermediate that is signed with. It is remembered. */
  readonly isSoleIssuer: boolean;
}

/** Where it stands what was issued. */
export interface RevocationSource {
  /** Those that were issued before this call, also a moment ago. @throws IdentityError `ERR_TRAIL_UNAVAILABLE`. */
  find(wanted: { readonly serial: string } | { readonly identity: string }): Promise<readonly FoundCertificate[]>;
  /** Resolves when the record is on the disk. @throws IdentityError `ERR_TRAIL_UNAVAILABLE`. */
  revoked(fields: Readonly<Record<string, string>>): Promise<void>;
}

/** The lists of all keys, as agents get them. */
export interface RevocationLists {
  /** Of the content. */
  readonly version: string;
  /** PEM; empty as long as no certificate is revoked that has not expired. */
  readonly pem: Buffer;
  /** Which keys have a list, as a text to compare; empty without lists. */
  readonly keys: string;
}

export interface RegisterOptions {
  /** What is revoked is kept here, in the directory of the trail. */
  readonly path: string;
  /** Also gets the lists, in PEM, for programs that are no agents. */
  readonly listPath: string;
  readonly trail: RevocationSource;
  /** All keys of the authority: those whose leaves may be valid, and the one that is to sign next. */
  readonly signers: () => Promise<readonly ListSigner[]>;
  /** Whether `signers` may have left out a key that is to sign next. */
  readonly isPartial?: () => boolean;
  /** The longest life of a leaf, in milliseconds. */
  readonly leafLifeMs: () => number;
  readonly logger: Logger;
  readonly metrics?: MetricRegistry;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly every?: Every;
}

/** 0.7 MB for each key; agents take 4 MB of lists. Beyond it the way is another root. */
const MAX_REVOKED = 10_000;

const MAX_FILE_BYTES = 16 * 1024 * 1024;

/** Of an error, which the status page and the command pass on as one line. */
const MAX_SERIALS_CHARS = 500;

/** Keys that have no list yet are tried again so often: a change of the root waits for them. */
const LOOK_MS = 5000;

/** A renewal that has failed is tried again, and told again, so often. */
const RENEW_AGAIN_MS = 3_600_000;

/** Of lists that agents may have: all but those that were away have the newest within seconds. */
const MAX_VERSIONS = 64;

/** Whose certificates they were is not public. */
const FILE_MODE = 0o600;
const LIST_MODE = 0o644;

/**
 * Which certificates are revoked, and the lists that say so. Each change is on the disk before it counts, and has a
 * record in the trail, which is made up for at the next start when the power goes between the two.
 */
export class RevocationRegister {
  private state: RevocationState = NOTHING_REVOKED;
  private serials: ReadonlySet<string> = new Set();
  private current: RevocationLists = { version: versionOf(NOTHING), pem: NOTHING, keys: '' };
  /** {@link RevocationLists.keys} of the newest versions. */
  private readonly versions = new Map([[this.current.version, '']]);
  /** The keys that the lists were signed for last. */
  private signedFor = '';
  private lacksKeys = false;
  /** How often the keys have changed. */
  private changes = 0;
  private failed: { readonly message: string; readonly atMs: number } | undefined;
  /** Names of keys in use whose certificates may sign no lists. */
  private unable: readonly string[] = [];
  /** One change at a time. */
  private working: Promise<unknown> = Promise.resolve();
  private readonly listeners: (() => void)[] = [];
  private readonly metrics: MetricRegistry;
  private stop = (): void => {};

  private constructor(private readonly options: RegisterOptions) {
    this.metrics = options.metrics ?? new MetricRegistry();
  }

  /** @throws IdentityError `ERR_TRAIL_UNAVAILABLE`: the file cannot be read or written, or is none of ours. */
  static async open(options: RegisterOptions): Promise<RevocationRegister> {
    const { path, every = everyUnreferenced } = options;
    const limits = { what: path, code: 'ERR_TRAIL_UNAVAILABLE', maxBytes: MAX_FILE_BYTES } as const;
    const file = await readIfThere(path, limits);
    const state = file === undefined ? NOTHING_REVOKED : decodeState(file.content);
    if (state === undefined) {
      throw new IdentityError(
        'ERR_TRAIL_UNAVAILABLE',
        `${path}: got what is no register of revoked certificates, expected the file as a Citadel has written it`,
      );
    }
    const register = new RevocationRegister(options);
    await register.sign(state, state.revoked, await register.keysNow());
    await register.record();
    register.stop = every(LOOK_MS, () => void register.look());
    return register;
  }

  get lists(): RevocationLists {
    return this.current;
  }

  /** Whether there may be a key of the authority whose list has not been signed: peers refuse its leaves. */
  get isBehind(): boolean {
    return this.lacksKeys;
  }

  /** {@link RevocationLists.keys} of lists of this version, which an agent has; `undefined` when it is not known. */
  keysOf(version: string): string | undefined {
    return this.versions.get(version);
  }

  /** How it stands, for people: how many certificates are on the lists, and which keys may sign none. */
  get summary(): { readonly revoked: number; readonly number: number; readonly unable: readonly string[] } {
    return { revoked: this.serials.size, number: this.state.number, unable: this.unable };
  }

  /** Whether the certificate of this serial, in hex, is revoked. */
  isRevoked(serial: string): boolean {
    return this.serials.has(plainSerial(serial));
  }

  /** Calls `listener` when there are other lists. */
  onChange(listener: () => void): void {
    this.listeners.push(listener);
  }

  /**
   * Revokes certificates that have not expired; resolves with them, those that were revoked before among them. None
   * when there is no such certificate.
   * @throws IdentityError `ERR_REVOCATION_REFUSED`: the lists would make peers refuse certificates that are not
   *   revoked, or are full; `ERR_TRAIL_UNAVAILABLE`.
   */
  revoke(order: RevocationOrder, { reason, by, isTrial, ...said }: Revoker): Promise<readonly FoundCertificate[]> {
    return this.inTurn(async () => {
      const { now, trail } = this.options;
      const wanted = 'certificates' in order ? order.certificates : await trail.find(order);
      const revokedAtMs = now();
      const valid = wanted.filter(({ notAfterMs }) => notAfterMs > revokedAtMs);
      const fresh = valid.filter(({ serial }) => !this.isRevoked(serial));
      const found = await this.keysNow();
      const { keys } = found;
      const isSoleIssuer = said.isSoleIssuer || this.state.isSoleIssuer;
      this.assertPossible(fresh, { keys, isSoleIssuer });
      const isNews = fresh.length > 0 || isSoleIssuer !== this.state.isSoleIssuer;
      if (isTrial || !isNews) return valid;
      const added = fresh.map(
        ({ issuer: _, ...one }): Revoked => ({ ...one, revokedAtMs, reason, by, isRecorded: false }),
      );
      const addedOf = new Set(fresh.map(({ issuer }) => issuer));
      await this.sign({ ...this.state, isSoleIssuer }, [...this.state.revoked, ...added], found, addedOf);
      await this.recordOrTell();
      return valid;
    });
  }

  /** The keys of the authority are others now. Never rejects: the lists stay as they are, and the log tells. */
  signersChanged(): Promise<void> {
    this.lacksKeys = true;
    this.changes += 1;
    return this.inTurn(() => this.renew());
  }

  /** Safe to call twice. */
  async close(): Promise<void> {
    this.stop();
    await this.working;
  }

  private async look(): Promise<void> {
    await this.inTurn(async () => {
      const isTried = this.failed !== undefined && this.isWithin(RENEW_AGAIN_MS, this.failed.atMs);
      if (this.lacksKeys || (this.isDue() && !isTried)) await this.renew();
    });
  }

  private isDue(): boolean {
    return !this.isWithin(RENEW_MS, this.state.signedAtMs);
  }

  /** By the distance, not the order: a clock may be set back. */
  private isWithin(periodMs: number, sinceMs: number): boolean {
    return Math.abs(this.options.now() - sinceMs) < periodMs;
  }

  private async renew(): Promise<void> {
    let hasOtherKeys = false;
    try {
      const found = await this.keysNow();
      hasOtherKeys = textOf(found.keys) !== this.signedFor;
      // Of the same keys they say the same: no Envoy has to take others.
      if (this.isDue() || hasOtherKeys) await this.sign(this.state, this.state.revoked, found);
      else this.haveLists(found);
      hasOtherKeys = false;
      await this.record();
      this.failed = undefined;
    } catch (error) {
      if (hasOtherKeys) this.lacksKeys = true;
      this.tellFailure(messageOf(error));
    }
  }

  private async keysNow(): Promise<FoundKeys> {
    const { changes } = this;
    const keys = await this.options.signers();
    return { keys, changes, isPartial: this.options.isPartial?.() === true };
  }

  /** Each of these has its list. */
  private haveLists({ changes, isPartial }: FoundKeys): void {
    this.lacksKeys = isPartial || changes !== this.changes;
  }

  private tellFailure(message: string): void {
    if (this.failed?.message === message && this.isWithin(RENEW_AGAIN_MS, this.failed.atMs)) return;
    this.failed = { message, atMs: this.options.now() };
    this.options.logger.error('revocation lists cannot be renewed, the last ones stay', { [Field.error]: message });
  }

  private inTurn<T>(act: () => Promise<T>): Promise<T> {
    const done = this.working.then(act);
    this.working = done.catch(() => {});
    return done;
  }

  private assertPossible(added: readonly FoundCertificate[], { keys, isSoleIssuer }: Keys): void {
    const unable = keys.find(({ maySignLists }) => !maySignLists);
    if (unable !== undefined) {
      throw new IdentityError(
        'ERR_REVOCATION_REFUSED',
        `the certificate of ${unable.name} may not sign revocation lists: with a list, Envoy would refuse every peer of it; expected one with cRLSign in its key usage`,
      );
    }
    const intermediate = keys.find((key) => key.isIntermediate);
    if (intermediate !== undefined && !isSoleIssuer) {
      throw new IdentityError(
        'ERR_REVOCATION_REFUSED',
        `the signing certificate ${intermediate.name} is an intermediate: with its list, Envoy would refuse every peer of another intermediate of the same root; expected --sole-issuer if there is none`,
      );
    }
    const ofGoneKeys = added.filter(({ issuer }) => issuer !== undefined && !keys.some(({ id }) => id === issuer));
    if (ofGoneKeys.length > 0) {
      const serials = ofGoneKeys.map(({ serial }) => serial);
      throw new IdentityError(
        'ERR_REVOCATION_REFUSED',
        `the key that signed ${clipped(serials.join(', '), MAX_SERIALS_CHARS)} is not there to sign a list; expected certificates of a key in use, the others revoked by --serial, or a change of the root`,
      );
    }
    if (this.serials.size + added.length > MAX_REVOKED) {
      throw new IdentityError(
        'ERR_REVOCATION_REFUSED',
        `got ${this.serials.size + added.length} revoked certificates, expected at most ${MAX_REVOKED}: change the root instead`,
      );
    }
  }

  /** Signs, writes to the disk, and only then lets it count. */
  private async sign(
    before: RevocationState,
    revoked: readonly Revoked[],
    found: FoundKeys,
    addedOf?: ReadonlySet<string | undefined>,
  ): Promise<void> {
    const { leafLifeMs, now, path, listPath } = this.options;
    const { keys: signers } = found;
    const signing = { signers, leafLifeMs: leafLifeMs(), nowMs: now(), ...(addedOf && { addedOf }) };
    const state = await signLists(before, revoked, signing);
    const pem = Buffer.concat(state.lists.map(({ der }) => encodePem('X509 CRL', der)));
    await this.write(path, encodeState(state), FILE_MODE);
    await this.write(listPath, pem, LIST_MODE);
    this.state = state;
    this.signedFor = textOf(signers);
    this.haveLists(found);
    this.serials = new Set(state.revoked.map(({ serial }) => serial));
    this.unable = signers.filter(({ maySignLists }) => !maySignLists).map(({ name }) => name);
    this.metrics.gauge(Metric.revokedCertificates).set(this.serials.size);
    this.publish(this.serials.size > 0 && this.areSafe(signers) ? pem : NOTHING, state);
  }

  /** Whether the lists make peers refuse none but what is on them. The log tells when they are not, and not used. */
  private areSafe(keys: readonly ListSigner[]): boolean {
    const { logger } = this.options;
    if (this.unable.length > 0) {
      logger.error('revoked certificates are accepted: a signing certificate may sign no lists', {
        [Field.detail]: this.unable.join(', '),
      });
      return false;
    }
    const intermediates = this.state.isSoleIssuer ? [] : keys.filter(({ isIntermediate }) => isIntermediate);
    if (intermediates.length === 0) return true;
    logger.error('revoked certificates are accepted: the signing certificate is an intermediate now', {
      [Field.detail]: intermediates.map(({ name }) => name).join(', '),
    });
    return false;
  }

  private publish(pem: Buffer, { number, lists }: RevocationState): void {
    if (this.current.pem.equals(pem)) return;
    this.current = { version: versionOf(pem), pem, keys: pem.length === 0 ? '' : textOf(lists) };
    this.remember(this.current);
    this.metrics.counter(Metric.revocationListsSigned).add(lists.length);
    this.options.logger.info('revocation lists signed', { [Field.count]: this.serials.size, [Field.version]: number });
    for (const listener of this.listeners) listener();
  }

  private remember({ version, keys }: RevocationLists): void {
    this.versions.delete(version);
    this.versions.set(version, keys);
    const [oldest] = this.versions.keys();
    if (this.versions.size > MAX_VERSIONS && oldest !== undefined) this.versions.delete(oldest);
  }

  /** What is revoked is so without a record: the next list, or the next start, makes up for it. */
  private async recordOrTell(): Promise<void> {
    try {
      await this.record();
    } catch (error) {
      this.options.logger.error('certificates are revoked, but the trail has no record of it yet', {
        [Field.error]: messageOf(error),
      });
    }
  }

  /** What the trail has no record of yet. */
  private async record(): Promise<void> {
    const { revoked } = this.state;
    if (revoked.every(({ isRecorded }) => isRecorded)) return;
    const missing = revoked.filter(({ isRecorded }) => !isRecorded);
    await Promise.all(
      missing.map(({ serial, identity, reason, by, notAfterMs }) => {
        const ofIdentity = identity === undefined ? {} : { spiffe_id: identity };
        return this.options.trail.revoked({ serial, ...ofIdentity, not_after: isoTime(notAfterMs), reason, by });
      }),
    );
    const state = { ...this.state, revoked: revoked.map((one) => ({ ...one, isRecorded: true })) };
    await this.write(this.options.path, encodeState(state), FILE_MODE);
    this.state = state;
  }

  private async write(path: string, bytes: Buffer, mode: number): Promise<void> {
    try {
      await writeWhole(path, bytes, mode);
      await syncDirectory(dirname(path));
    } catch (error) {
      throw pathError('ERR_TRAIL_UNAVAILABLE', path, error, 'a file that this process can write');
    }
  }
}

/** The keys of the authority as they were found. */
interface FoundKeys {
  readonly keys: readonly ListSigner[];
  /** Another may be to sign next. */
  readonly isPartial: boolean;
  /** How often they had changed before they were asked for. */
  readonly changes: number;
}

interface Keys {
  readonly keys: readonly ListSigner[];
  readonly isSoleIssuer: boolean;
}

const NOTHING = Buffer.alloc(0);

/** What agents hold lists against. */
const VERSION_CHARS = 32;

/** In whatever order. */
function textOf(keys: readonly { readonly id: string }[]): string {
  return keys
    .map(({ id }) => id)
    .sort()
    .join(' ');
}

function versionOf(pem: Buffer): string {
  return hash('sha256', pem).slice(0, VERSION_CHARS);
}

function isoTime(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
