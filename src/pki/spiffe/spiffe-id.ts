import { IdentityError } from '../../errors/index.js';
import { TrustDomain } from './trust-domain.js';

const SCHEME = 'spiffe://';

/** SPIFFE-ID §2.3: 2048 bytes at most; all of them are ASCII. */
const MAX_SPIFFE_ID_BYTES = 2048;

/** SPIFFE-ID §2.2: letters, digits, dots, dashes and underscores; percent-encoding is not allowed. */
const PATH_SEGMENT = /^[A-Za-z0-9._-]+$/;

/** A whole path of such segments, none of them `.` or `..`: told in one go, because each key that is made asks. */
const PATH = /^(?:\/(?!\.\.?(?:\/|$))[A-Za-z0-9._-]+)+$/;

/**
 * The name of one workload: `spiffe://<trust domain>/<path>`. (SPIFFE-ID §2)
 *
 * There is exactly one spelling of each ID, so two are equal when their texts are.
 */
export class SpiffeId {
  private constructor(
    readonly trustDomain: TrustDomain,
    /** With its leading slash; empty for the ID of the trust domain itself. */
    readonly path: string,
  ) {}

  /**
   * Reads a whole SPIFFE ID.
   * @throws IdentityError `ERR_SPIFFE_ID_INVALID`: another scheme, a user, port, query or fragment, an empty or
   *   relative (`.`, `..`) path segment, a trailing slash, a character outside the set, or too long.
   */
  static parse(text: string): SpiffeId {
    if (text.length > MAX_SPIFFE_ID_BYTES) throw invalid(text, `at most ${MAX_SPIFFE_ID_BYTES} characters`);
    if (!text.startsWith(SCHEME)) throw invalid(text, `the scheme ${SCHEME} in lower case`);
    const rest = text.slice(SCHEME.length);
    const slash = rest.indexOf('/');
    const authority = slash < 0 ? rest : rest.slice(0, slash);
    const path = slash < 0 ? '' : rest.slice(slash);
    return new SpiffeId(TrustDomain.parse(authority), checkedPath(path, text));
  }

  /**
   * The ID that Istio gives a Kubernetes service account: `spiffe://<td>/ns/<namespace>/sa/<service account>`.
   * @throws IdentityError `ERR_SPIFFE_ID_INVALID` when a part has characters that no path segment may have.
   */
  static forServiceAccount(trustDomain: TrustDomain, namespace: string, serviceAccount: string): SpiffeId {
    for (const segment of [namespace, serviceAccount]) checkSegment(segment, segment);
    return SpiffeId.parse(`${SCHEME}${trustDomain.name}/ns/${namespace}/sa/${serviceAccount}`);
  }

  /** What {@link forServiceAccount} makes such a path of; `undefined` of any other path. */
  get serviceAccount(): { readonly namespace: string; readonly name: string } | undefined {
    const [, namespace, name] = /^\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(this.path) ?? [];
    return namespace === undefined || name === undefined ? undefined : { namespace, name };
  }

  toString(): string {
    return `${SCHEME}${this.trustDomain.name}${this.path}`;
  }

  toJSON(): string {
    return this.toString();
  }
}

function checkedPath(path: string, whole: string): string {
  if (path === '' || PATH.test(path)) return path;
  // Which segment it is, and what is wrong with it.
  for (const segment of path.slice(1).split('/')) checkSegment(segment, whole);
  return path;
}

function checkSegment(segment: string, whole: string): void {
  if (segment === '') throw invalid(whole, 'no empty path segment and no trailing slash');
  if (segment === '.' || segment === '..') throw invalid(whole, 'no relative path segment');
  if (!PATH_SEGMENT.test(segment)) throw invalid(whole, 'path segments of a-z, A-Z, 0-9, ".", "-" and "_"');
}

function invalid(text: string, expected: string): IdentityError {
  return new IdentityError(
    'ERR_SPIFFE_ID_INVALID',
    `SPIFFE ID: got ${JSON.stringify(text.slice(0, 120))}, expected ${expected}`,
  );
}
