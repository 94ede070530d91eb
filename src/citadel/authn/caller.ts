import type { X509Certificate } from 'node:crypto';
import { bearerToken } from '../../pki/service-account/index.js';
import type { Span } from '../../telemetry/index.js';
import type { AuthenticatedWorkload, Authenticator } from './authenticator.js';
import type { ClientCertificates } from './client-certificates.js';

/** What a call brings that may tell who calls. */
export interface CallerCredentials {
  /** The values of its `authorization` metadata. */
  readonly authorization: readonly string[];
  /** The certificates that its connection has shown, the leaf first; none, or none that were asked for. */
  readonly clientChain: readonly X509Certificate[];
  /** What it is a part of, where that is traced. */
  readonly span?: Span | undefined;
}

/** The ways to tell who calls, in the order in which they are tried. */
export interface CallerAuthentication {
  /** Left out: certificates of clients count for nothing. */
  readonly clientCertificates?: Pick<ClientCertificates, 'authenticate'> | undefined;
  readonly authenticator: Authenticator;
}

/**
 * Tells who calls: by its certificate, else by its token. A connection whose certificate does not verify has been ended
 * before; one that has expired since leaves the token.
 * @throws IdentityError the codes of both; the message of the last way that there is.
 */
export async function authenticateCaller(
  { clientCertificates, authenticator }: CallerAuthentication,
  { authorization, clientChain, span }: CallerCredentials,
): Promise<AuthenticatedWorkload> {
  if (clientCertificates === undefined || clientChain.length === 0) {
    return authenticator.authenticate(bearerToken(authorization), span);
  }
  try {
    return clientCertificates.authenticate(clientChain);
  } catch (error) {
    if (authorization.length === 0) throw error;
    return authenticator.authenticate(bearerToken(authorization), span);
  }
}
