import type { Test } from 'tap';
import { type RunningApp, startCitadel } from '../../src/app/index.js';
import { COMMANDS } from '../../src/config/index.js';
import type { KubeApiServer } from './kube-apiserver.js';
import { RecordingLogger } from './recording-logger.js';
import { settings } from './settings.js';
import { StatusReader } from './status-reader.js';

export interface ClusterCitadel {
  readonly citadel: RunningApp;
  readonly logger: RecordingLogger;
  readonly pages: StatusReader;
  /** The roots that it has written into a namespace. */
  rootPem(namespace: string): Promise<string>;
}

/** Starts a Citadel that works with an API server, as `app` builds it; closed after the test. */
export async function startInCluster(
  t: Test,
  server: KubeApiServer,
  flags: Readonly<Record<string, string>>,
): Promise<ClusterCitadel> {
  const logger = new RecordingLogger();
  const config = settings(COMMANDS.citadel, {
    ...{ listen: '127.0.0.1:0', kubernetes: 'true', 'status-address': '127.0.0.1:0' },
    ...flags,
  });
  const citadel = await startCitadel(config, { logger, now: Date.now, random: Math.random, nodeFlags: [] });
  t.teardown(() => citadel.close());
  return {
    ...{ citadel, logger, pages: new StatusReader(logger) },
    async rootPem(namespace) {
      await logger.until('roots are in every namespace');
      const path = 'jsonpath={.data.root-cert\\.pem}';
      return server.kubectl('get', 'cm', '-n', namespace, 'istio-ca-root-cert', '-o', path);
    },
  };
}
