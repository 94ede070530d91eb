import { type ClientCertificateSource, createCaClient } from '../../agent/ca-client/index.js';
import { LIFE_LIMITS } from '../../agent/identity/index.js';
import { CancelSource } from '../../cancellation/index.js';
import { errorCodeOf, messageOf } from '../../errors/index.js';
import { chooseHotPath, createLoneHotPath, type HotPathMode, type PrepareRequest } from '../../hotpath/index.js';
import { createLineLogger, LogThreshold } from '../../telemetry/index.js';
import { addressText } from '../../text/index.js';
import { adviceOf } from '../advice.js';
import { lengthText } from '../time-words.js';
import type { ExaminedCa } from './ca-steps.js';
import { type Finding, Step } from './finding.js';

/** What is asked of the CA: what the agent asks. */
export interface IssueSettings {
  readonly spiffeId: string;
  /** Reads the token at each call; the caller of `read` wipes it. */
  readonly token: { read(): Promise<Buffer> };
  readonly keyType: PrepareRequest['keyType'];
  readonly ttlMs: number;
  readonly clusterId: string;
  readonly certSigner: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly clientCertificate: ClientCertificateSource | undefined;
  readonly hotPath: HotPathMode;
}

/** Only an RSA key takes a thread: one, once. */
const POOL = { threads: { min: 0, max: 1 }, idleTimeoutMs: 1000, maxQueue: 1, taskTimeoutMs: 30_000 };

/** For one attempt. */
const DEADLINE_MS = 5000;

const step = new Step('certificate');

/** Has one key certified, proves the answer as the agent would, and forgets both. */
export async function examineIssue(
  ca: ExaminedCa,
  settings: IssueSettings | { readonly why: string },
  now: () => number,
): Promise<{ readonly finding: Finding; readonly notBeforeMs?: number }> {
  if ('why' in settings) return { finding: step.leftOut(`not asked for: ${settings.why}`) };
  const address = addressText(ca);
  const { clusterId, certSigner, headers, clientCertificate } = settings;
  const serverName = ca.tls?.serverName;
  const logger = createLineLogger({ threshold: new LogThreshold('error'), write: () => {}, now });
  const client = createCaClient({
    cas: [
      ca.tls === undefined
        ? { address, isPlaintext: true }
        : { address, rootFile: ca.tls.rootFile, clientCertificate, ...(serverName !== undefined && { serverName }) },
    ],
    ...{ clusterId, certSigner, headers, deadlineMs: DEADLINE_MS, budgetMs: DEADLINE_MS, logger, now },
    random: Math.random,
  });
  const { kind } = chooseHotPath(settings.hotPath);
  const hotPath = createLoneHotPath({ kind, ...POOL });
  try {
    const { spiffeId, keyType, ttlMs, token } = settings;
    const { csrPem, privateKey } = await hotPath.prepare({ spiffeId, keyType });
    try {
      const signal = new CancelSource();
      const { chainPem, bundlePem } = await client.issue({ csrPem, ttlMs, token, signal });
      const times = { nowMs: now(), ...LIFE_LIMITS };
      const sealed = await hotPath.seal({ chainPem, bundlePem, privateKey, spiffeId, ...times });
      sealed.certificateBody.fill(0);
      const { serial, notBeforeMs, notAfterMs } = sealed;
      const life = lengthText(notAfterMs - now());
      const text = `${address} issued ${spiffeId}, serial ${serial}, for ${life}; its chain is verified by its roots`;
      return { finding: step.ok(text), notBeforeMs };
    } finally {
      privateKey.fill(0);
    }
  } catch (error) {
    const code = errorCodeOf(error);
    return { finding: step.fail(`${code}: ${messageOf(error)}`, adviceOf(code)) };
  } finally {
    client.close();
    await hotPath.close();
  }
}
