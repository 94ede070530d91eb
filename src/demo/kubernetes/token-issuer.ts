import { randomUUID } from 'node:crypto';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';

/** The issuer that a Kubernetes API server has unless it is told otherwise. */
export const TOKEN_ISSUER = 'https://kubernetes.default.svc.cluster.local';

export interface TokenRequest {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly podName: string;
  readonly podUid: string;
  readonly audience: string;
  readonly ttlSeconds: number;
}

/** Plays the API server's part: signs service-account tokens, and publishes the key that they are verified with. */
export interface TokenIssuer {
  /** The JSON Web Key Set, as text. (RFC 7517 §5) */
  readonly jwks: string;
  /** A token bound to a pod, with the claims that the TokenRequest API writes. */
  mint(request: TokenRequest): Promise<string>;
}

/** Makes a fresh RS256 key, which lives in memory only. `now` is in epoch milliseconds. */
export async function createTokenIssuer(now: () => number): Promise<TokenIssuer> {
  const { privateKey, publicKey } = await generateKeyPair('RS256');
  const kid = randomUUID();
  const jwks = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid, alg: 'RS256', use: 'sig' }] });
  /** One uid per service account, as long as this issuer lives. */
  const accountUids = new Map<string, string>();
  return {
    jwks,
    async mint({ namespace, serviceAccount, podName, podUid, audience, ttlSeconds }) {
      const subject = `system:serviceaccount:${namespace}:${serviceAccount}`;
      const uid = accountUids.get(subject) ?? randomUUID();
      accountUids.set(subject, uid);
      const issuedAt = Math.floor(now() / 1000);
      const claims = {
        namespace,
        pod: { name: podName, uid: podUid },
        serviceaccount: { name: serviceAccount, uid },
      };
      return new SignJWT({ 'kubernetes.io': claims })
        .setProtectedHeader({ alg: 'RS256', kid })
        .setIssuer(TOKEN_ISSUER)
        .setSubject(subject)
        .setAudience([audience])
        .setIssuedAt(issuedAt)
        .setNotBefore(issuedAt)
        .setExpirationTime(issuedAt + ttlSeconds)
        .setJti(randomUUID())
        .sign(privateKey);
    },
  };
}
