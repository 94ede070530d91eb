import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { startAgent } from '../../src/app/index.js';
import { COMMANDS, readConfig } from '../../src/config/index.js';
import { FakeCaServer } from './fake-ca-server.js';
import { RecordingLogger } from './recording-logger.js';
import { openSdsClient, type SdsClient, type SdsResponse } from './sds-client.js';
import { shortDir } from './short-dir.js';
import { TokenIssuer } from './test-tokens.js';

export const SLEEP = 'spiffe://cluster.local/ns/foo/sa/sleep';

export interface SidecarAgent {
  readonly ca: FakeCaServer;
  readonly logger: RecordingLogger;
  readonly socket: string;
  /** The path of its token. */
  readonly tokenFile: string;
  /** Ends it before the test does. */
  close(): Promise<void>;
  /** A stream on a connection of its own. */
  connect(metadata?: Record<string, string>): SdsClient;
  /** Asks for these names on a new stream, and ACKs each response until all are there. */
  ask(...names: string[]): Promise<{ stream: SdsClient; response: SdsResponse }>;
}

interface SidecarAgentOptions {
  readonly ca?: FakeCaServer & { readonly address: string };
  /** The service account, in the namespace `foo`; by default `sleep`. */
  readonly serviceAccount?: string;
  /** Without their dashes; what is an array is given several times. */
  /** In [0, 1). */
  readonly random?: () => number;
  readonly flags?: Readonly<Record<string, string | readonly string[]>>;
}

/** An agent of one workload on its real socket, behind a CA that the test may make misbehave. */
export async function startSidecarAgent(t: Test, options: SidecarAgentOptions = {}): Promise<SidecarAgent> {
  const ca: FakeCaServer & { readonly address: string } = options.ca ?? (await FakeCaServer.start(t));
  const { serviceAccount = 'sleep' } = options;
  const directory = shortDir(t);
  const [socket, root, token] = ['s', 'root.pem', 'token'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(root, ca.rootPem);
  writeFileSync(token, await new TokenIssuer().token('foo', serviceAccount));
  const flags = {
    ...{ socket, 'ca-address': ca.address, 'ca-root': root, 'token-file': token },
    ...{ namespace: 'foo', 'service-account': serviceAccount },
    ...options.flags,
  };
  const logger = new RecordingLogger();
  const config = agentConfig(flags);
  const agent = await startAgent(config, {
    logger,
    now: Date.now,
    random: options.random ?? Math.random,
    nodeFlags: [],
  });
  t.teardown(() => agent.close());
  const connect = (metadata: Record<string, string> = {}): SdsClient => openSdsClient(t, socket, metadata);
  return {
    ca,
    logger,
    socket,
    tokenFile: token,
    close: () => agent.close(),
    connect,
    async ask(...names) {
      const stream = connect();
      stream.request({ names, nodeId: 'test' });
      return { stream, response: await untilAll(stream, names.length) };
    },
  };
}

/** The settings of `sidecert agent` from flags, as the command line reads them. */
export function agentConfig(flags: Readonly<Record<string, string | readonly string[]>>) {
  const args = Object.entries(flags).flatMap(([name, value]) => [value].flat().map((one) => `--${name}=${one}`));
  const result = readConfig(COMMANDS.agent, {
    args,
    environment: {},
    files: { whyUnreadable: () => undefined, read: () => Buffer.alloc(0) },
  });
  if (result.kind !== 'ok') throw new Error(JSON.stringify(result));
  return result.config;
}

/** The first response that has so many secrets; it and those before are ACKed. */
export async function untilAll(stream: SdsClient, count: number): Promise<SdsResponse> {
  for (;;) {
    const response = await stream.expectResponse();
    stream.ack(response);
    if (response.names.length === count) return response;
  }
}
