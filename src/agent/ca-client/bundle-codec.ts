import { IdentityError } from '../../errors/index.js';
import { sidecert, WireReader } from '../../net/protobuf/index.js';

const { GetTrustBundleRequest } = sidecert.v1;

/** Our own method, which other CAs lack. */
export const GET_TRUST_BUNDLE = '/sidecert.v1.TrustBundleService/GetTrustBundle';

/** What a CA says when it is asked for its bundle alone. */
export interface BundleAnswer {
  /** Of the newest bundle, opaque. */
  readonly version: string;
  /** PEM as it came; `undefined` when the version that was asked with is the newest. */
  readonly bundle: Buffer | undefined;
  /** Its revocation lists; `undefined` when it has no register of revoked certificates. */
  readonly lists?: ListsAnswer | undefined;
  /** How long the CA wants not to be asked again, in milliseconds. */
  readonly askAgainMs: number;
}

/** Revocation lists, as a CA gives them. */
export interface ListsAnswer {
  /** Opaque. */
  readonly version: string;
  /** PEM; empty when no certificate is revoked, or when the version that was asked with is the newest. */
  readonly pem: Buffer;
}

/** What of a CA we have, by its versions; empty for none. */
export interface KnownVersions {
  readonly bundle: string;
  readonly lists: string;
}

/** Envoys that do not have the newest bundle, as far as the CA is to know. */
export interface Unacknowledged {
  readonly count: number;
  readonly nodeIds: readonly string[];
}

/** What Envoys do not have yet. */
export interface EnvoysBehind {
  /** The newest bundle. */
  readonly bundle: Unacknowledged;
  /** The newest leaf, so that they may serve one of another issuer. */
  readonly leaf: Unacknowledged;
}

export function encodeBundleRequest(known: KnownVersions, { bundle, leaf }: EnvoysBehind): Buffer {
  const message = {
    ...{ knownVersion: known.bundle, takesRevocationLists: true, knownListsVersion: known.lists },
    ...{ unacknowledged: [...bundle.nodeIds], unacknowledgedCount: bundle.count },
    ...{ withFormerLeaf: [...leaf.nodeIds], withFormerLeafCount: leaf.count },
  };
  return Buffer.from(GetTrustBundleRequest.encode(message).finish());
}

/** Fields of a `GetTrustBundleResponse`. */
const VERSION = 1;
const BUNDLE = 2;
const ASK_AGAIN_SECONDS = 3;
const LISTS_VERSION = 4;
const REVOCATION_LISTS = 5;

const NOTHING = Buffer.alloc(0);

/** It goes back with the next request. */
const MAX_VERSION_CHARS = 128;

/** @throws IdentityError `ERR_CA_RESPONSE_INVALID`: the bytes are no such message. */
export function decodeBundleResponse(bytes: Buffer): BundleAnswer {
  try {
    let version = '';
    let bundle: Buffer | undefined;
    let askAgainSeconds = 0;
    let listsVersion = '';
    let lists: Buffer = NOTHING;
    const reader = new WireReader(bytes);
    for (let field = reader.nextOfAnyType(); field !== 0; field = reader.nextOfAnyType()) {
      if (field === VERSION && reader.isDelimited) version = reader.value().toString('latin1');
      else if (field === BUNDLE && reader.isDelimited) bundle = reader.value();
      else if (field === LISTS_VERSION && reader.isDelimited) listsVersion = reader.value().toString('latin1');
      else if (field === REVOCATION_LISTS && reader.isDelimited) lists = reader.value();
      else if (field === ASK_AGAIN_SECONDS && reader.isVarint) askAgainSeconds = reader.number;
    }
    if (Math.max(version.length, listsVersion.length) > MAX_VERSION_CHARS)
      throw new RangeError('a version that is too long');
    return {
      ...{ version, bundle: bundle?.length === 0 ? undefined : bundle, askAgainMs: askAgainSeconds * 1000 },
      lists: listsVersion === '' ? undefined : { version: listsVersion, pem: lists },
    };
  } catch (cause) {
    throw new IdentityError(
      'ERR_CA_RESPONSE_INVALID',
      `CA answer: got ${bytes.length} bytes that do not parse, expected a GetTrustBundleResponse`,
      { cause },
    );
  }
}
