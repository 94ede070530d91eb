import { parseBoundedJson } from '../../text/index.js';

/** What the API server asks, as far as an injection needs it. (admission.k8s.io/v1 AdmissionRequest) */
export interface AdmissionRequest {
  /** Goes back with the answer. */
  readonly uid: string;
  /** Whether a pod is to be made: not changed, not deleted, and none of its subresources. */
  readonly isPodCreation: boolean;
  /** The pods of controllers name none of their own. */
  readonly namespace: string;
  /** Not looked at. */
  readonly object: unknown;
}

/** The request, or why there is none: `got X, expected Y`. */
export type ReviewReading = { readonly request: AdmissionRequest } | { readonly problem: string };

/**
 * What the API server takes in a request body; pods that it stores are below half of it. (apiserver,
 * "MaxRequestBodyBytes")
 */
export const MAX_REVIEW_BYTES = 3 * 1024 * 1024;

/**
 * The managed fields of a pod are its deepest part, with some 15 levels. A pod of 1.5 MB, which is all that etcd takes,
 * has some hundred thousand parts when it is made of nothing but short environment variables.
 */
const BOUNDS = { maxDepth: 64, maxParts: 200_000 };

/** A UUID has 36. */
const MAX_UID_CHARS = 256;

const API_VERSION = 'admission.k8s.io/v1';

/** Reads the body of a request. Pure. */
export function readReview(body: Buffer): ReviewReading {
  let review: unknown;
  try {
    review = parseBoundedJson(body, BOUNDS);
  } catch (error) {
    // The message of a SyntaxError quotes the text.
    const got = error instanceof RangeError ? error.message : 'got no JSON';
    return { problem: `${got}, expected an AdmissionReview` };
  }
  if (!isFields(review) || review.kind !== 'AdmissionReview' || review.apiVersion !== API_VERSION) {
    return { problem: `got another object, expected an AdmissionReview of ${API_VERSION}` };
  }
  const { request } = review;
  if (!isFields(request)) return { problem: 'request: got none, expected what is to be admitted' };
  const { uid, operation, namespace, resource, subResource, object } = request;
  if (typeof uid !== 'string' || uid === '' || uid.length > MAX_UID_CHARS) {
    return { problem: `request.uid: got none, expected a text of at most ${MAX_UID_CHARS} characters` };
  }
  const isPod =
    isFields(resource) && resource.group === '' && resource.version === 'v1' && resource.resource === 'pods';
  const isWhole = subResource === undefined || subResource === '';
  return {
    request: {
      uid,
      isPodCreation: operation === 'CREATE' && isPod && isWhole,
      namespace: typeof namespace === 'string' ? namespace : '',
      object,
    },
  };
}

/** `foo/sleep`, or `foo/sleep-7d4b9c-*` where the API server makes up the rest of the name. */
export function podName({ namespace, object }: AdmissionRequest): string {
  const metadata = isFields(object) && isFields(object.metadata) ? object.metadata : {};
  const { name, generateName } = metadata;
  if (typeof name === 'string' && name !== '') return `${namespace}/${name}`;
  return `${namespace}/${typeof generateName === 'string' ? generateName : ''}*`;
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
