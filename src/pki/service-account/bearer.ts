import { IdentityError } from '../../errors/index.js';
import { BASE64URL, CharacterSet } from './character-set.js';
import { malformedToken } from './refusals.js';

/** Of a token before its padding. (RFC 6750 §2.1) */
const TOKEN = new CharacterSet(`${BASE64URL}.~+/`);
const PADDING = '='.charCodeAt(0);

/** One space and a capital B, as Istio's agents send it and istiod demands it. (reference: Istio C13, 3.1) */
const SCHEME = 'Bearer ';

/**
 * The token in the values of a request's `authorization`.
 * @throws IdentityError `ERR_TOKEN_MISSING`: no value; `ERR_TOKEN_MALFORMED`: several, or none of the form `Bearer
 *   <token>`. No message quotes it.
 */
export function bearerToken(values: readonly string[]): string {
  const [value] = values;
  if (value === undefined) throw new IdentityError('ERR_TOKEN_MISSING', 'authorization: got none, expected a token');
  const token = value.slice(SCHEME.length);
  if (values.length === 1 && value.startsWith(SCHEME) && isBearerToken(token)) return token;
  throw new IdentityError(
    'ERR_TOKEN_MALFORMED',
    `authorization: got ${values.length} values of ${value.length} characters, expected one of the form "Bearer <token>"`,
  );
}

/**
 * The value of `authorization` with which `token` is sent.
 * @throws IdentityError `ERR_TOKEN_MISSING`: it is empty; `ERR_TOKEN_MALFORMED`: {@link bearerToken} would refuse it.
 */
export function bearerValue(token: string): string {
  if (token === '') throw new IdentityError('ERR_TOKEN_MISSING', 'token is empty, expected a JWT');
  if (!isBearerToken(token)) throw malformedToken('got characters that no bearer token has, expected a JWT');
  return SCHEME + token;
}

/** Whether the text can be sent as a bearer token, whatever it says. */
export function isBearerToken(text: string): boolean {
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === PADDING) end -= 1;
  return end > 0 && TOKEN.hasAllOf(text, end);
}
