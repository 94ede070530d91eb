import type { LocalTarget } from '../local-http.js';
import { type ExaminedCa, examineCa } from './ca-steps.js';
import { examineClock } from './clock-step.js';
import { examineEnvoy } from './envoy-steps.js';
import type { Finding } from './finding.js';
import { examineIssue, type IssueSettings } from './issue-step.js';
import { examinePodSockets } from './pod-sockets-step.js';
import { examineSocket, type SocketSettings } from './socket-steps.js';
import { examineToken, type TokenSettings } from './token-step.js';

export type { ExaminedCa } from './ca-steps.js';

/** What an agent of these settings needs, step by step. */
export interface DoctorPlan {
  readonly socket: SocketSettings;
  /** The directory of `--pod-sockets`. */
  readonly podSockets?: string | undefined;
  /** Where the certificate comes from a CA. */
  readonly cas: readonly ExaminedCa[];
  /** `undefined`: the token is not in a file. */
  readonly token: TokenSettings | undefined;
  /** `undefined`: no certificate is asked for; `why` says so. */
  readonly issue: IssueSettings | { readonly why: string };
  readonly envoy: { readonly admin: LocalTarget; readonly servedNames: readonly string[] } | undefined;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/**
 * Tries each step of the way from Envoy to a certificate, and tells each finding as soon as it is known. A step whose
 * ground has failed is not tried. Nothing is kept, and no finding holds a token or a key.
 */
export async function examine(plan: DoctorPlan, tell: (finding: Finding) => void): Promise<void> {
  const { socket, podSockets, cas, token, issue, envoy, now } = plan;
  for (const finding of await examineSocket(socket)) tell(finding);
  if (podSockets !== undefined) for (const finding of await examinePodSockets(podSockets, now)) tell(finding);
  if (token !== undefined) for (const finding of await examineToken(token, now())) tell(finding);
  let notBeforeMs: number | undefined;
  for (const ca of cas) {
    const reached = await examineCa(ca, now());
    for (const finding of reached.findings) tell(finding);
    if (!reached.isReached) continue;
    const issued = await examineIssue(ca, issue, now);
    tell(issued.finding);
    notBeforeMs ??= issued.notBeforeMs;
  }
  if (notBeforeMs !== undefined) tell(examineClock(notBeforeMs, now()));
  if (envoy !== undefined) for (const finding of await examineEnvoy(envoy, now())) tell(finding);
}
