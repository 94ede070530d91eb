import type { CertificateAnswer, CertificateIssuer, CertificateRequest } from '../../src/agent/identity/index.js';
import type { CancelSignal } from '../../src/cancellation/index.js';
import { type ErrorCode, IdentityError } from '../../src/errors/index.js';
import type { HotPath } from '../../src/hotpath/index.js';
import { Signer } from '../../src/hotpath/index.js';
import { makeSelfSignedRoot } from '../../src/pki/x509/index.js';

interface Answering {
  /** What the next calls do instead of issuing. */
  fault: 'none' | 'hang' | ErrorCode;
  /** The identity that the CA sees in a token. */
  identityOf: (token: string) => string;
}

/** A CA without a network, with faults: fulfils the interface that `identity` declares. */
export class InProcessCa implements CertificateIssuer, Answering {
  fault: Answering['fault'] = 'none';
  identityOf: Answering['identityOf'] = () => 'spiffe://cluster.local/ns/foo/sa/sleep';
  /** The tokens of all calls, in order. */
  readonly tokens: string[] = [];
  inFlight = 0;
  maxInFlight = 0;
  #rootPem: Buffer;
  #signer: Signer;
  /** What its answers name as the trust bundle; the signing root by itself unless the test says more. */
  bundlePem: Buffer | undefined;
  /** When its leaves begin, from now; Citadel backdates them. */
  beginsInMs = -120_000;
  /** What its leaves live from now, whatever is asked for: below 0, they have expired when they come. */
  lifeMs: number | undefined;
  readonly #held: (() => void)[] = [];
  readonly #waiters: (() => void)[] = [];

  constructor(
    private readonly hotPath: Pick<HotPath, 'issue'>,
    private readonly now: () => number,
  ) {
    [this.#rootPem, this.#signer] = newRoot(now());
  }

  get rootPem(): Buffer {
    return this.#rootPem;
  }

  /** From now on another root signs, and is the whole bundle. */
  replaceRoot(): void {
    [this.#rootPem, this.#signer] = newRoot(this.now());
  }

  /** Lets the calls that hang go on. */
  release(): void {
    this.fault = 'none';
    for (const go of this.#held.splice(0)) go();
  }

  /** Resolves when `count` calls have come in all. */
  async untilCalled(count: number): Promise<void> {
    while (this.tokens.length < count) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  async issue({ csrPem, ttlMs, token, signal }: CertificateRequest): Promise<CertificateAnswer> {
    this.inFlight += 1;
    this.maxInFlight = Math.max(this.maxInFlight, this.inFlight);
    try {
      const text = (await token.read()).toString();
      this.tokens.push(text);
      for (const wake of this.#waiters.splice(0)) wake();
      if (this.fault === 'hang') await this.#hang(signal);
      if (this.fault !== 'none' && this.fault !== 'hang') throw new IdentityError(this.fault, 'fault of the test');
      const issued = await this.hotPath.issue({
        csrPem,
        signer: this.#signer,
        subjectAltNames: [this.identityOf(text)],
        notBeforeMs: this.now() + this.beginsInMs,
        notAfterMs: this.now() + (this.lifeMs ?? ttlMs),
      });
      return { chainPem: issued.leafPem, bundlePem: this.bundlePem ?? this.#rootPem };
    } finally {
      this.inFlight -= 1;
    }
  }

  #hang(signal: CancelSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#held.push(resolve);
      signal.add({ cancel: () => reject(new IdentityError('ERR_CANCELLED', 'cancelled')) });
    });
  }
}

function newRoot(nowMs: number): [Buffer, Signer] {
  const root = makeSelfSignedRoot({
    keyType: 'ec-p256',
    organization: 'cluster.local',
    notBeforeMs: nowMs - 300_000,
    notAfterMs: nowMs + 365 * 24 * 3600_000,
  });
  return [root.certificatePem, Signer.load(root.certificatePem, root.privateKeyPem)];
}
