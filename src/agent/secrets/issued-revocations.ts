import { errorCodeOf, messageOf } from '../../errors/index.js';
import { Field, type Logger } from '../../telemetry/index.js';
import { issuersWithoutValidList, issuerText, parseCrls, periodText, type RevocationLists } from '../files/index.js';
import { NO_REVOCATIONS, type RevocationFile } from './revocations.js';
import type { Revocations } from './workload-secrets.js';

/** What CAs say of revoked certificates. */
export interface IssuedLists {
  /** PEM; empty when no certificate is revoked. */
  readonly pem: Buffer;
  /** Whether each root that is trusted is one of a CA that gives lists. */
  readonly areAllCovered: boolean;
}

/**
 * A Citadel revokes 10 000 certificates at most, in 0.7 MB for each of its keys: two during a change of the root, and
 * those that are gone.
 */
const MAX_BYTES = 4 * 1024 * 1024;

interface Surroundings {
  readonly logger: Logger;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/**
 * The revocation lists that CAs give, beside those of `--crl`. With any list Envoy refuses every peer of a CA that has
 * none: lists that would do so are left out, and the log tells.
 */
export class IssuedRevocations implements Revocations {
  private issued: RevocationLists | undefined;
  private isLeftOut = false;
  private joined: { readonly file: Buffer; readonly issued: Buffer; readonly both: Buffer } | undefined;
  private readonly listeners = new Set<() => void>();

  constructor(
    private readonly file: RevocationFile | undefined,
    private readonly surroundings: Surroundings,
  ) {}

  /** The same memory as long as both say the same. */
  get value(): Buffer | undefined {
    const [file, issued] = [this.file?.value, this.issued?.pem];
    if (file === undefined || issued === undefined) return file ?? issued;
    if (this.joined?.file !== file || this.joined.issued !== issued) {
      this.joined = { file, issued, both: Buffer.concat([file, issued]) };
    }
    return this.joined.both;
  }

  /** Those of a file are of all CAs: what the operator has asked for stays as strict as it is. */
  get areForLeaves(): boolean {
    return this.file?.value === undefined;
  }

  judge(bundlePem: Buffer): void {
    this.file?.judge(bundlePem, this.issued?.lists);
  }

  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    const stop = (this.file ?? NO_REVOCATIONS).onChange(listener);
    return () => {
      stop();
      this.listeners.delete(listener);
    };
  }

  /** Takes what CAs say now. What is no list leaves the last good ones. */
  take({ pem, areAllCovered }: IssuedLists): void {
    const isUsable = pem.length > 0 && areAllCovered;
    this.tellLeftOut(pem.length > 0 && !areAllCovered);
    if (isUsable && this.issued?.pem.equals(pem) === true) return;
    try {
      const issued = isUsable ? this.parse(pem) : undefined;
      if (issued === undefined && this.issued === undefined) return;
      this.issued = issued;
    } catch (error) {
      const fields = { [Field.code]: errorCodeOf(error), [Field.error]: messageOf(error) };
      this.surroundings.logger.warn('revocation lists of the ca refused, the last good ones stay', fields);
      return;
    }
    this.surroundings.logger.info('revocation lists of the ca changed', {
      [Field.count]: this.issued?.lists.length ?? 0,
    });
    for (const listener of this.listeners) listener();
  }

  /** Whether a certificate of this serial, in hex, is on one of the lists that CAs give. */
  isRevoked(serial: string): boolean {
    return this.issued?.lists.some((list) => list.revokes(serial)) === true;
  }

  private parse(pem: Buffer): RevocationLists {
    const lists = parseCrls(pem, { what: 'revocation lists of the CA', maxBytes: MAX_BYTES });
    const [unusable] = issuersWithoutValidList(lists.lists, this.surroundings.now());
    if (unusable === undefined) return lists;
    throw new RangeError(`got a list of ${issuerText(unusable)} that is valid from ${periodText(unusable)}`);
  }

  private tellLeftOut(isLeftOut: boolean): void {
    if (isLeftOut === this.isLeftOut) return;
    this.isLeftOut = isLeftOut;
    const { logger } = this.surroundings;
    if (isLeftOut) {
      logger.warn('revocation lists of a ca are left out: another ca gives none, and envoy would refuse all its peers');
    } else logger.info('revocation lists are no longer left out');
  }
}
