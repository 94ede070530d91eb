import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { startAgent } from '../../src/app/index.js';
import { istioFiles, mountedFiles } from './mounted-identity.js';
import { RecordingLogger } from './recording-logger.js';
import { openSdsClient, type SdsClient } from './sds-client.js';
import { shortDir } from './short-dir.js';
import { agentConfig, untilAll } from './sidecar-agent.js';
import { runSidecert } from './sidecert-process.js';
import type { TestCa } from './test-ca.js';

export interface ExplainedAgent {
  /** The path of its status socket. */
  readonly page: string;
  readonly socket: string;
  readonly logger: RecordingLogger;
  /** Replaces its roots, and resolves when it serves them. */
  trust(...roots: readonly TestCa[]): Promise<void>;
  /** A client in place of its Envoy, which ACKs what there is; the stream of its bundle. */
  attach(nodeId: string): Promise<SdsClient>;
}

interface AgentShape {
  readonly ca: TestCa;
  readonly uri: string;
  readonly trusted?: readonly TestCa[];
  readonly flags?: Readonly<Record<string, string | readonly string[]>>;
  /** How far its clock is ahead, in milliseconds. */
  readonly aheadMs?: number;
  readonly notBeforeMs?: number;
  readonly notAfterMs?: number;
}

/** An agent on real sockets whose identity is mounted, so that a test can change half of it. */
export async function startExplainedAgent(t: Test, shape: AgentShape): Promise<ExplainedAgent> {
  const { ca, uri, trusted = [ca], flags = {}, aheadMs = 0, ...life } = shape;
  const [directory, sockets] = [shortDir(t), shortDir(t)];
  const [page, socket] = ['status', 'sds'].map((name) => join(sockets, name)) as [string, string];
  const replace = (name: string, content: Buffer): void => {
    writeFileSync(join(sockets, 'new'), content);
    renameSync(join(sockets, 'new'), join(directory, name));
  };
  const pemOf = (roots: readonly TestCa[]): Buffer => Buffer.concat(roots.map(({ certificatePem }) => certificatePem));
  const files = { ...istioFiles(mountedFiles({ ca, uris: [uri], ...life })), 'root-cert.pem': pemOf(trusted) };
  for (const [name, content] of Object.entries(files)) replace(name, content);
  const logger = new RecordingLogger();
  const config = agentConfig({
    ...{ socket, 'status-address': page, 'identity-source': 'file', 'identity-dir': directory },
    ...flags,
  });
  const now = (): number => Date.now() + aheadMs;
  const agent = await startAgent(config, { logger, now, random: Math.random, nodeFlags: [] });
  t.teardown(() => agent.close());
  return {
    ...{ page, socket, logger },
    async trust(...roots) {
      const watcher = openSdsClient(t, socket);
      watcher.request({ names: ['ROOTCA'], nodeId: 'watcher' });
      watcher.ack(await watcher.expectResponse());
      replace('root-cert.pem', pemOf(roots));
      watcher.ack(await watcher.expectResponse());
    },
    async attach(nodeId) {
      const leaf = openSdsClient(t, socket);
      leaf.request({ names: ['default'], nodeId });
      await untilAll(leaf, 1);
      const bundle = leaf.another();
      bundle.request({ names: ['ROOTCA'], nodeId });
      await untilAll(bundle, 1);
      return bundle;
    },
  };
}

/** What `sidecert explain` says of two pages. */
export function explain(t: Test, a: ExplainedAgent, b: ExplainedAgent, ...flags: readonly string[]) {
  return runSidecert(t, ['explain', a.page, b.page, ...flags]);
}
