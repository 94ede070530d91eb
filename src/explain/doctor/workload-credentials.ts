import { ClientCertificateFiles } from '../../agent/ca-client/index.js';
import { createFileTokenSource } from '../../agent/identity/index.js';
import { createLineLogger, LogThreshold } from '../../telemetry/index.js';
import type { IssueSettings } from './issue-step.js';

interface CredentialSettings {
  readonly tokenFile: string;
  /** Of --ca-client-cert. */
  readonly clientCertificateDirectory: string | undefined;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** What an agent shows the CA: its token, and its certificate where there is one. Read when they are used. */
export function workloadCredentials(settings: CredentialSettings): Pick<IssueSettings, 'token' | 'clientCertificate'> {
  const { tokenFile, clientCertificateDirectory: directory, now } = settings;
  const logger = createLineLogger({ threshold: new LogThreshold('error'), write: () => {}, now });
  return {
    token: createFileTokenSource(tokenFile, now),
    clientCertificate: directory === undefined ? undefined : new ClientCertificateFiles({ directory, logger, now }),
  };
}
