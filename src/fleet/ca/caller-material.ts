import { createPrivateKey, createPublicKey } from 'node:crypto';
import { chooseHotPath, createLoneHotPath, type HotPathMode } from '../../hotpath/index.js';
import { istio } from '../../net/protobuf/index.js';
import { bearerValue } from '../../pki/service-account/index.js';
import { readAllTokens, readToken, spiffePathOf } from '../tokens.js';
import type { CaLoadOptions, CallerKeyType } from './ca-load-options.js';

const { IstioCertificateRequest } = istio.v1.auth;

/** Who asks. */
export interface CallerToken {
  /** The value of `authorization`. */
  readonly bearer: string;
  /** The path of the SPIFFE ID that its certificates must be for; `undefined` when the token does not tell. */
  readonly spiffePath: string | undefined;
}

/** What is asked with, made before the load begins. */
export interface CallerMaterial {
  readonly tokens: readonly CallerToken[];
  /** An `IstioCertificateRequest` for each type of key. */
  readonly requests: readonly CallerRequest[];
}

export interface CallerRequest {
  readonly message: Buffer;
  /** Of its CSR, as a SubjectPublicKeyInfo in DER. */
  readonly publicKey: Buffer;
}

/** To make an RSA-4096 key takes seconds. */
const KEY_TIMEOUT_MS = 60_000;

/** A CA takes the identity from the token. */
const NAME_IN_CSR = 'spiffe://cluster.local/ns/default/sa/default';

/**
 * Reads the tokens, and makes one CSR for each type of key: to verify one costs a CA as much as to verify another.
 * @throws IdentityError `ERR_CONFIG_INVALID`: tokens that cannot be read.
 */
export async function callerMaterial(options: CaLoadOptions): Promise<CallerMaterial> {
  const { keyTypes, ttlMs, hotPath } = options;
  const texts = await tokenTexts(options);
  const tokens = texts.map((text) => ({ bearer: bearerValue(text), spiffePath: spiffePathOf(text) }));
  return { tokens, requests: await makeRequests(keyTypes, ttlMs, hotPath) };
}

async function tokenTexts({ tokensDirectory, tokenFile }: CaLoadOptions): Promise<string[]> {
  if (tokensDirectory !== undefined) return readAllTokens(tokensDirectory);
  return tokenFile === undefined ? [] : [await readToken(tokenFile)];
}

async function makeRequests(
  keyTypes: readonly CallerKeyType[],
  ttlMs: number,
  hotPathMode: HotPathMode,
): Promise<CallerRequest[]> {
  const hotPath = createLoneHotPath({
    ...{ kind: chooseHotPath(hotPathMode).kind, threads: { min: 0, max: 1 }, idleTimeoutMs: 0 },
    ...{ maxQueue: keyTypes.length, taskTimeoutMs: KEY_TIMEOUT_MS },
  });
  try {
    const requests: CallerRequest[] = [];
    for (const keyType of keyTypes) {
      const { csrPem, privateKey } = await hotPath.prepare({ keyType, spiffeId: NAME_IN_CSR });
      const publicKey = publicKeyOf(privateKey);
      privateKey.fill(0);
      const validityDuration = Math.ceil(ttlMs / 1000);
      const message = IstioCertificateRequest.encode({ csr: csrPem.toString('latin1'), validityDuration }).finish();
      requests.push({ message: Buffer.from(message), publicKey });
    }
    return requests;
  } finally {
    await hotPath.close();
  }
}

/** `privateKey`: PKCS#8 DER. */
function publicKeyOf(privateKey: Buffer): Buffer {
  const key = createPublicKey(createPrivateKey({ key: privateKey, format: 'der', type: 'pkcs8' }));
  return key.export({ type: 'spki', format: 'der' });
}
