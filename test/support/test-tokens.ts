import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { CompactSign, type JSONWebKeySet, SignJWT } from 'jose';

const ISSUER = 'https://kubernetes.default.svc.cluster.local';

interface IssuerOptions {
  readonly alg?: string;
  readonly kid?: string;
  readonly issuer?: string;
}

/** Plays the Kubernetes API server: issues service-account JWTs and publishes its keys. */
export class TokenIssuer {
  readonly issuer: string;
  readonly alg: string;
  readonly kid: string;
  readonly publicKey: KeyObject;
  readonly #privateKey: KeyObject;

  constructor({ alg = 'ES256', kid = 'key-1', issuer = ISSUER }: IssuerOptions = {}) {
    this.alg = alg;
    this.kid = kid;
    this.issuer = issuer;
    const { privateKey, publicKey } = keyPair(alg);
    this.#privateKey = privateKey;
    this.publicKey = publicKey;
  }

  /** The content of a JWKS file. */
  get jwks(): JSONWebKeySet & { keys: object[] } {
    const { kid, alg } = this;
    return { keys: [{ kty: '', ...this.publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' }] };
  }

  /** The claims of a projected token as the kubelet gets it, good for an hour. */
  claims(namespace = 'foo', serviceAccount = 'sleep'): Record<string, unknown> {
    const nowSeconds = Math.floor(Date.now() / 1000);
    return {
      iss: this.issuer,
      aud: ['istio-ca'],
      sub: `system:serviceaccount:${namespace}:${serviceAccount}`,
      iat: nowSeconds,
      nbf: nowSeconds,
      exp: nowSeconds + 3600,
      'kubernetes.io': {
        namespace,
        serviceaccount: { name: serviceAccount, uid: '1f0a' },
        pod: { name: `${serviceAccount}-7d4b`, uid: '2e9b' },
      },
    };
  }

  /** Signs these claims as they are; a claim that is `undefined` is left out. */
  sign(claims: Record<string, unknown>, header: Record<string, unknown> = {}): Promise<string> {
    return new SignJWT(claims).setProtectedHeader({ alg: this.alg, kid: this.kid, ...header }).sign(this.#privateKey);
  }

  /** Signs whatever text as if it were claims. */
  signText(payload: string): Promise<string> {
    const { alg, kid } = this;
    return new CompactSign(Buffer.from(payload)).setProtectedHeader({ alg, kid }).sign(this.#privateKey);
  }

  /** An ECDSA signature in the form that JWS does not have. */
  signDer(text: string): Buffer {
    return sign('sha256', Buffer.from(text), this.#privateKey);
  }

  /** An ECDSA signature as JWS has it. (RFC 7518 §3.4) */
  signJws(text: string): Buffer {
    return sign('sha256', Buffer.from(text), { key: this.#privateKey, dsaEncoding: 'ieee-p1363' });
  }

  /** A good token. */
  token(namespace = 'foo', serviceAccount = 'sleep', changes: Record<string, unknown> = {}): Promise<string> {
    return this.sign({ ...this.claims(namespace, serviceAccount), ...changes });
  }
}

const CURVES: Readonly<Record<string, string>> = { ES384: 'P-384', ES512: 'P-521' };

function keyPair(alg: string): { privateKey: KeyObject; publicKey: KeyObject } {
  if (/^[RP]S/.test(alg)) return generateKeyPairSync('rsa', { modulusLength: 2048 });
  if (alg === 'EdDSA') return generateKeyPairSync('ed25519');
  return generateKeyPairSync('ec', { namedCurve: CURVES[alg] ?? 'P-256' });
}
