import { hash } from 'node:crypto';
import { IdentityError } from '../../errors/index.js';
import { sidecert, WireReader } from '../../net/protobuf/index.js';
import { clipped } from '../../text/index.js';

const { GetTrustBundleResponse } = sidecert.v1;

/** Fields of a `GetTrustBundleRequest`. */
const KNOWN_VERSION = 1;
const UNACKNOWLEDGED = 2;
const UNACKNOWLEDGED_COUNT = 3;
const TAKES_LISTS = 4;
const KNOWN_LISTS_VERSION = 5;
const WITH_FORMER_LEAF = 6;
const WITH_FORMER_LEAF_COUNT = 7;

/** So many Envoys are known by name, and so much of what they call themselves. */
const MAX_NODE_IDS = 16;
const MAX_NODE_ID_CHARS = 128;

/** How many there are, and what some of them call themselves: never identity. */
export interface Envoys {
  readonly count: number;
  readonly nodeIds: readonly string[];
}

/** What an agent says that it has. */
export interface BundleRequest {
  /** Empty for none of ours. */
  readonly knownVersion: string;
  /** The version of its revocation lists, empty for none of ours; `undefined` for a caller that takes none. */
  readonly knownListsVersion: string | undefined;
  /** Envoys of it that do not have its newest bundle. */
  readonly unacknowledged: Envoys;
  /** Envoys of it that do not have its newest leaf, and may have one of another issuer. */
  readonly withFormerLeaf: Envoys;
}

/** What a version of ours has, and no other is compared with. */
const VERSION_CHARS = 32;

/** @throws IdentityError `ERR_REQUEST_INVALID`. */
export function decodeBundleRequest(request: Buffer): BundleRequest {
  try {
    let knownVersion = '';
    let [unacknowledgedCount, formerCount] = [0, 0];
    let takesLists = false;
    let knownListsVersion = '';
    const [unacknowledged, former]: [string[], string[]] = [[], []];
    const reader = new WireReader(request);
    for (let field = reader.nextOfAnyType(); field !== 0; field = reader.nextOfAnyType()) {
      if (field === KNOWN_VERSION && reader.isDelimited) {
        knownVersion = versionIn(reader.value());
      } else if (field === KNOWN_LISTS_VERSION && reader.isDelimited) {
        knownListsVersion = versionIn(reader.value());
      } else if (field === TAKES_LISTS && reader.isVarint) takesLists = reader.number !== 0;
      else if ((field === UNACKNOWLEDGED || field === WITH_FORMER_LEAF) && reader.isDelimited) {
        const nodeIds = field === UNACKNOWLEDGED ? unacknowledged : former;
        if (nodeIds.length < MAX_NODE_IDS) nodeIds.push(clipped(reader.text(), MAX_NODE_ID_CHARS));
      } else if (field === UNACKNOWLEDGED_COUNT && reader.isVarint) unacknowledgedCount = reader.number;
      else if (field === WITH_FORMER_LEAF_COUNT && reader.isVarint) formerCount = reader.number;
    }
    return {
      knownVersion,
      knownListsVersion: takesLists ? knownListsVersion : undefined,
      unacknowledged: { count: Math.max(unacknowledgedCount, unacknowledged.length), nodeIds: unacknowledged },
      withFormerLeaf: { count: Math.max(formerCount, former.length), nodeIds: former },
    };
  } catch (cause) {
    throw new IdentityError(
      'ERR_REQUEST_INVALID',
      `trust bundle request: got ${request.length} bytes that do not parse, expected a GetTrustBundleRequest`,
      { cause },
    );
  }
}

/** Empty for what is no version of ours. */
function versionIn(value: Buffer): string {
  return value.length === VERSION_CHARS ? value.toString('latin1') : '';
}

/** {@link TrustBundleVersion.version} of what comes behind leaves, whose last element the roots are. */
export function rootsVersion(issuersPem: readonly string[]): string {
  let version = VERSIONS.get(issuersPem);
  if (version === undefined) {
    version = new TrustBundleVersion(rootsOf(issuersPem)).version;
    VERSIONS.set(issuersPem, version);
  }
  return version;
}

/** Of arrays that are the same as long as the roots are. */
const VERSIONS = new WeakMap<readonly string[], string>();

/** The roots as they are answered, PEM. */
export function rootsOf(issuersPem: readonly string[]): Buffer {
  return Buffer.from(issuersPem.at(-1) ?? '', 'latin1');
}

/** A trust bundle as it is answered: the same object as long as the roots are the same. */
export class TrustBundleVersion {
  /** Of the content, so that all replicas have the same one. */
  readonly version: string;

  constructor(readonly pem: Buffer) {
    this.version = hash('sha256', pem).slice(0, VERSION_CHARS);
  }
}

/** Revocation lists as agents get them. */
export interface ListsVersion {
  readonly version: string;
  /** PEM; empty when no certificate is revoked. */
  readonly pem: Buffer;
}

/** What a caller has, by its versions. */
export type KnownVersions = Pick<BundleRequest, 'knownVersion' | 'knownListsVersion'>;

/** Roots and lists of a moment, as they are answered: the same memory for all callers that lack the same of them. */
export class TrustNews {
  private readonly encoded = new Map<string, Buffer>();

  /** `lists` is `undefined` where there is no register of revoked certificates. */
  constructor(
    readonly bundle: TrustBundleVersion,
    readonly lists: ListsVersion | undefined,
  ) {}

  /** Whether a caller lacks any of it. */
  isNewTo(known: KnownVersions): boolean {
    return this.hasOtherBundle(known) || this.hasOtherLists(known);
  }

  /** The bytes of a response with what the caller lacks. */
  encode(known: KnownVersions): Buffer {
    const [hasBundle, hasLists] = [this.hasOtherBundle(known), this.hasOtherLists(known)];
    const key = `${hasBundle} ${hasLists} ${known.knownListsVersion === undefined}`;
    const bytes = this.encoded.get(key) ?? this.response(known, { hasBundle, hasLists });
    this.encoded.set(key, bytes);
    return bytes;
  }

  /** The bytes of a response to one that lacks nothing. */
  encodeUnchanged(known: KnownVersions, askAgainSeconds: number): Buffer {
    return this.response(known, { hasBundle: false, hasLists: false, askAgainSeconds });
  }

  private response(
    { knownListsVersion }: KnownVersions,
    { hasBundle, hasLists, askAgainSeconds = 0 }: { hasBundle: boolean; hasLists: boolean; askAgainSeconds?: number },
  ): Buffer {
    const { bundle, lists } = this;
    const message = {
      ...{ version: bundle.version, askAgainSeconds },
      ...(hasBundle && { bundle: bundle.pem }),
      ...(lists !== undefined && knownListsVersion !== undefined && { listsVersion: lists.version }),
      ...(hasLists && lists !== undefined && { revocationLists: lists.pem }),
    };
    return Buffer.from(GetTrustBundleResponse.encode(message).finish());
  }

  private hasOtherBundle({ knownVersion }: KnownVersions): boolean {
    return knownVersion !== this.bundle.version;
  }

  /** Whether the lists of a caller that takes any are others. */
  hasOtherLists({ knownListsVersion: known }: KnownVersions): boolean {
    return this.lists !== undefined && known !== undefined && known !== this.lists.version;
  }
}
