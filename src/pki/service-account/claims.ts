import { isUtf8 } from 'node:buffer';
import { parseBoundedJson } from '../../text/index.js';

/**
 * A token of Kubernetes has three levels and some twenty members. They are counted before the signature is verified.
 */
const CLAIMS_BOUNDS = { maxDepth: 16, maxParts: 1000 };

/** Claims by their names; their types are not checked yet. */
export type Claims = Readonly<Record<string, unknown>>;

/**
 * The claims in a payload, in base64url, or the members of a header; `undefined` when it is not a JSON object in UTF-8,
 * or one of more members than any token has. Octets that are not UTF-8 are refused and not replaced: two names that
 * differ in them alone would become one. (RFC 7519 §3)
 */
export function readClaims(payload: string): Claims | undefined {
  const bytes = Buffer.from(payload, 'base64url');
  if (!isUtf8(bytes)) return undefined;
  try {
    const claims = parseBoundedJson(bytes, CLAIMS_BOUNDS);
    return isObject(claims) ? claims : undefined;
  } catch {
    // Without the cause: JSON.parse quotes what it was given.
    return undefined;
  }
}

/** The members of a claim that is an object; none of one that is something else. */
export function membersOf(claim: unknown): Claims {
  return isObject(claim) ? claim : {};
}

function isObject(value: unknown): value is Claims {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
