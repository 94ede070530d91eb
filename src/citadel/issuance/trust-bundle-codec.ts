import { hash } from 'node:crypto';
import { IdentityError } from '../../errors/index.js';
import { sidecert, WireReader } from '../../net/protobuf/index.js';
import { clipped } from '../../text/index.js';

const { GetTrustBundleResponse } = sidecert.v1;

/** Fields of a `GetTrustBundleRequest`. */
const KNOWN_VERSION = 1;
const UNACKNOWLEDGED = 2;
const UNACKNOWLEDGED_COUNT = 3;

/** So many Envoys are known by name, and so much of what they call themselves. */
const MAX_NODE_IDS = 16;
const MAX_NODE_ID_CHARS = 128;

/** What an agent says that it has. */
export interface BundleRequest {
  /** Empty for none of ours. */
  readonly knownVersion: string;
  /** Envoys of it that do not have its newest bundle. */
  readonly unacknowledged: { readonly count: number; readonly nodeIds: readonly string[] };
}

/** What a version of ours has, and no other is compared with. */
const VERSION_CHARS = 32;

/** @throws IdentityError `ERR_REQUEST_INVALID`. */
export function decodeBundleRequest(request: Buffer): BundleRequest {
  try {
    let knownVersion = '';
    let count = 0;
    const nodeIds: string[] = [];
    const reader = new WireReader(request);
    for (let field = reader.nextOfAnyType(); field !== 0; field = reader.nextOfAnyType()) {
      if (field === KNOWN_VERSION && reader.isDelimited) {
        const value = reader.value();
        knownVersion = value.length === VERSION_CHARS ? value.toString('latin1') : '';
      } else if (field === UNACKNOWLEDGED && reader.isDelimited && nodeIds.length < MAX_NODE_IDS) {
        nodeIds.push(clipped(reader.text(), MAX_NODE_ID_CHARS));
      } else if (field === UNACKNOWLEDGED_COUNT && reader.isVarint) count = reader.number;
    }
    return { knownVersion, unacknowledged: { count: Math.max(count, nodeIds.length), nodeIds } };
  } catch (cause) {
    throw new IdentityError(
      'ERR_REQUEST_INVALID',
      `trust bundle request: got ${request.length} bytes that do not parse, expected a GetTrustBundleRequest`,
      { cause },
    );
  }
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
  private encoded: Buffer | undefined;

  constructor(private readonly pem: Buffer) {
    this.version = hash('sha256', pem).slice(0, VERSION_CHARS);
  }

  /** The bytes of a response to a caller that has another version: the same memory for all of them. */
  encode(): Buffer {
    this.encoded ??= Buffer.from(GetTrustBundleResponse.encode({ version: this.version, bundle: this.pem }).finish());
    return this.encoded;
  }

  /** The bytes of a response to one that has this version already. */
  encodeUnchanged(askAgainSeconds: number): Buffer {
    return Buffer.from(GetTrustBundleResponse.encode({ version: this.version, askAgainSeconds }).finish());
  }
}
