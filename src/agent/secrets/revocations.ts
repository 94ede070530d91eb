import { errorCodeOf, IdentityError, messageOf } from '../../errors/index.js';
import { TrustBundle } from '../../pki/spiffe/index.js';
import { distinguishedNameText, readFacts } from '../../pki/x509/index.js';
import { Field } from '../../telemetry/index.js';
import {
  type FileDependencies,
  type FilesOf,
  isListOf,
  issuersWithoutValidList,
  issuerText,
  isValidAt,
  type Parsed,
  parseCrls,
  periodText,
  ReloadedFiles,
  type RevocationList,
  type RevocationLists,
} from '../files/index.js';
import type { Revocations } from './workload-secrets.js';

/** A day is enough to look after a CA, where the list lives for longer. */
const MAX_WARNING_MS = 24 * 3600_000;

/** Part of a list's life before its end in which there should be the next one. */
const WARNED_PART = 0.2;

type Age = 'current' | 'expiring' | 'unusable';

/**
 * The certificate revocation lists of one file. A missing file means none, as to Istio's agent (reference: Istio A21);
 * any other reason why there is none ends the start: with revocation asked for, it must not be off. Lists that Envoy
 * would refuse peers for do not take the place of valid ones.
 */
export class RevocationFile implements Revocations {
  private readonly file: ReloadedFiles<RevocationLists>;
  private readonly listeners = new Set<() => void>();
  private age: Age = 'current';
  private judged: { readonly lists: RevocationLists; readonly bundlePem: Buffer } | undefined;
  private stopWatching: (() => void) | undefined;

  constructor(
    private readonly path: string,
    private readonly surroundings: FileDependencies,
  ) {
    const files: FilesOf<RevocationLists> = {
      what: 'crl',
      paths: [path],
      parse: ([bytes = Buffer.alloc(0)], { held }) => this.parse(bytes, held),
      isSame: (one, other) => one.pem.equals(other.pem),
    };
    this.file = new ReloadedFiles(files, surroundings, () => {
      this.age = 'current';
      this.lookAtAge();
      for (const listener of this.listeners) listener();
    });
  }

  get value(): Buffer | undefined {
    return this.file.value?.pem;
  }

  /** Envoy wants a list of each CA of a chain, which the operator brings. */
  readonly areForLeaves = false;

  /**
   * Reads it for the first time, and goes on looking at it.
   * @throws IdentityError `ERR_SECRET_FILE_INVALID`: it is there and cannot be used.
   */
  async open(): Promise<void> {
    await this.file.open();
    this.stopWatching = this.surroundings.watch.add(async () => this.lookAtAge());
    const { value, refusal } = this.file;
    if (value !== undefined || refusal === undefined || isAbsence(refusal)) return;
    const reason = messageOf(refusal);
    throw new IdentityError(errorCodeOf(refusal), `--crl ${this.path}: ${reason}`, { cause: refusal });
  }

  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /**
   * Tells of the CAs of a bundle whose peers Envoy will refuse, for there is no list of theirs, here or among `others`.
   * Once for each pair.
   */
  judge(bundlePem: Buffer, others: readonly RevocationList[] = []): void {
    const lists = this.file.value;
    const isKnown = this.judged?.lists === lists && this.judged?.bundlePem.equals(bundlePem) === true;
    if (lists === undefined || isKnown) return;
    this.judged = { lists, bundlePem };
    for (const problem of uncovered(TrustBundle.parsePem(bundlePem), [...lists.lists, ...others])) {
      this.warn('revocation list missing: Envoy refuses every peer of the CA', problem);
    }
  }

  close(): void {
    this.stopWatching?.();
    this.file.close();
  }

  private async parse(bytes: Buffer, held: RevocationLists | undefined): Promise<Parsed<RevocationLists>> {
    const nowMs = this.surroundings.now();
    const value = parseCrls(bytes);
    const [unusable] = issuersWithoutValidList(value.lists, nowMs);
    const holdsBetter = held !== undefined && issuersWithoutValidList(held.lists, nowMs).length === 0;
    if (unusable !== undefined && holdsBetter) {
      const got = `a list of ${issuerText(unusable)} that is valid from ${periodText(unusable)}`;
      throw new IdentityError('ERR_SECRET_FILE_INVALID', `CRL file: got ${got}, expected one that is valid now`);
    }
    return { value };
  }

  /** Tells of each list once when it is about to expire, and once when it has. */
  private lookAtAge(): void {
    const lists = this.file.value?.lists ?? [];
    const nowMs = this.surroundings.now();
    const unusable = issuersWithoutValidList(lists, nowMs);
    const expiring = lists.filter((list) => isValidAt(list, nowMs) && isLast(list, lists) && isExpiring(list, nowMs));
    const age = unusable.length > 0 ? 'unusable' : expiring.length > 0 ? 'expiring' : 'current';
    if (age === this.age) return;
    this.age = age;
    for (const list of unusable) {
      const state = list.nextUpdateMs <= nowMs ? 'has expired' : 'is not yet valid';
      this.warn(`revocation list ${state}: Envoy refuses every peer of its issuer`, describe(list), list.nextUpdateMs);
    }
    if (unusable.length > 0) return;
    for (const list of expiring) this.warn('revocation list expires soon', describe(list), list.nextUpdateMs);
  }

  private warn(message: string, detail: string, notAfterMs?: number): void {
    const isDated = notAfterMs !== undefined && Number.isFinite(notAfterMs);
    const notAfter = isDated ? { [Field.notAfter]: new Date(notAfterMs).toISOString() } : {};
    this.surroundings.log.warn(message, { [Field.path]: this.path, [Field.detail]: detail, ...notAfter });
  }
}

/** Where no lists are configured. */
export const NO_REVOCATIONS: Revocations = {
  ...{ value: undefined, areForLeaves: false },
  ...{ judge: () => {}, onChange: () => () => {} },
};

function describe(list: RevocationList): string {
  return `list of ${issuerText(list)}, ${periodText(list)}`;
}

/** No other list of the same issuer lives longer. */
function isLast(list: RevocationList, lists: readonly RevocationList[]): boolean {
  return !lists.some((other) => isListOf(other, list.issuer) && other.nextUpdateMs > list.nextUpdateMs);
}

function isExpiring({ thisUpdateMs, nextUpdateMs }: RevocationList, nowMs: number): boolean {
  const warningMs = Math.min(MAX_WARNING_MS, (nextUpdateMs - thisUpdateMs) * WARNED_PART);
  return nextUpdateMs - warningMs <= nowMs;
}

/**
 * What is wrong for each CA of the bundle that has no list of its own. BoringSSL checks the whole chain as soon as
 * there is any list.
 */
function uncovered(bundle: TrustBundle, lists: readonly RevocationList[]): string[] {
  return bundle.list().flatMap((certificate) => {
    const facts = readFacts(certificate.raw);
    if (typeof facts === 'string') return [];
    const ofIt = lists.filter((list) => isListOf(list, facts.subject));
    const name = distinguishedNameText(facts.subject);
    if (ofIt.length === 0) return [`no list of ${name}`];
    // Beside that of another key of that name: a change of the root has two.
    return ofIt.every((list) => list.isSignedBy(certificate) === false)
      ? [`a list of ${name} that its key has not signed`]
      : [];
  });
}

function isAbsence(refusal: unknown): boolean {
  const cause = refusal instanceof Error ? refusal.cause : undefined;
  return cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
}
