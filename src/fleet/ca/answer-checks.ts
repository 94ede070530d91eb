import type { X509Certificate } from 'node:crypto';
import { istio } from '../../net/protobuf/index.js';
import { TrustBundle } from '../../pki/spiffe/index.js';
import { isTrusted, parseChain, spiffeIdOf } from '../checks/verdict.js';
import type { CallerRequest, CallerToken } from './caller-material.js';

const { IstioCertificateResponse } = istio.v1.auth;

/** What can be wrong with an answer. */
export type CaAnswerProblem =
  | 'no answer of a CA'
  | 'not valid when it came'
  | 'no SPIFFE ID'
  | 'another identity'
  | 'another key'
  | 'not trusted by the bundle';

/** The first answers are all looked at, and of later ones each hundredth: to check one takes longer than to get it. */
const FIRST_CHECKED = 1000;
const CHECKED_OF = 100;

/** Kept until the run is over, so that checking is not in the times. */
const MAX_KEPT = 5000;

interface KeptAnswer {
  readonly bytes: Buffer;
  readonly token: CallerToken;
  readonly request: CallerRequest;
  readonly atMs: number;
}

/** Checks what a CA has answered, when the run is over. */
export class AnswerChecks {
  readonly problems = new Map<CaAnswerProblem, number>();
  checkedCount = 0;
  private answers = 0;
  private readonly kept: KeptAnswer[] = [];

  /** `now`: epoch milliseconds. */
  constructor(private readonly now: () => number) {}

  add(bytes: Buffer, token: CallerToken, request: CallerRequest): void {
    const isLookedAt = this.answers < FIRST_CHECKED || this.answers % CHECKED_OF === 0;
    this.answers += 1;
    if (isLookedAt && this.kept.length < MAX_KEPT) this.kept.push({ bytes, token, request, atMs: this.now() });
  }

  finish(): void {
    for (const answer of this.kept.splice(0)) {
      this.checkedCount += 1;
      for (const problem of problemsOf(answer)) this.problems.set(problem, (this.problems.get(problem) ?? 0) + 1);
    }
  }
}

function problemsOf({ bytes, token, request, atMs }: KeptAnswer): CaAnswerProblem[] {
  const parts = readAnswer(bytes);
  const [leaf] = parts?.chain ?? [];
  if (parts === undefined || leaf === undefined) return ['no answer of a CA'];
  const problems: CaAnswerProblem[] = [];
  if (atMs < Date.parse(leaf.validFrom) || atMs > Date.parse(leaf.validTo)) problems.push('not valid when it came');
  const spiffeId = spiffeIdOf(leaf);
  if (spiffeId === '') problems.push('no SPIFFE ID');
  else if (token.spiffePath !== undefined && !spiffeId.endsWith(token.spiffePath)) problems.push('another identity');
  const key = leaf.publicKey.export({ type: 'spki', format: 'der' });
  if (!key.equals(request.publicKey)) problems.push('another key');
  if (!isTrusted(parts.chain, parts.bundle)) problems.push('not trusted by the bundle');
  return problems;
}

/** The chain, and the bundle, which is the last element. (reference: Istio 3.1, 7) */
function readAnswer(bytes: Buffer): { chain: readonly X509Certificate[]; bundle: TrustBundle } | undefined {
  try {
    const { certChain } = IstioCertificateResponse.decode(bytes);
    const bundle = TrustBundle.parsePem(Buffer.from(certChain.at(-1) ?? ''));
    return { chain: parseChain(Buffer.from(certChain.slice(0, -1).join('\n'))), bundle };
  } catch {
    return undefined;
  }
}
