import type { Test } from 'tap';
import { listenForEnvoy } from '../../src/app/agent/agent-network.js';
import { chooseHotPath } from '../../src/hotpath/index.js';
import { MetricRegistry } from '../../src/telemetry/index.js';
import { FakeSecretSource } from './fake-secret-source.js';
import { RecordingLogger } from './recording-logger.js';
import { agentConfig } from './sidecar-agent.js';

/** The socket of an agent as Envoy sees it, with secrets that the test sets; it may go away and come back. */
export class SdsEndpoint {
  readonly source = new FakeSecretSource();
  readonly logger = new RecordingLogger();
  #listener: { close(): Promise<void> } | undefined;

  private constructor(readonly socketPath: string) {}

  /** That of polls. */
  get restPath(): string {
    return `${this.socketPath}.rest`;
  }

  /** Listens; closed at the end of the test. */
  static async start(t: Test, socketPath: string): Promise<SdsEndpoint> {
    const endpoint = new SdsEndpoint(socketPath);
    t.teardown(() => endpoint.stop());
    await endpoint.start();
    return endpoint;
  }

  /** Listens again, on the same path. */
  async start(): Promise<void> {
    const nothing = { 'ca-address': 'localhost:1', 'ca-root': 'none', 'token-file': 'none' };
    const workload = { namespace: 'foo', 'service-account': 'sleep' };
    const config = agentConfig({
      socket: this.socketPath,
      rest: 'keys',
      'rest-socket': this.restPath,
      ...nothing,
      ...workload,
    });
    const { logger, source } = this;
    this.#listener = await listenForEnvoy(config, {
      ...{ source, isServing: () => true, metrics: new MetricRegistry() },
      context: { logger, now: Date.now, random: Math.random, nodeFlags: [] },
      hotPath: chooseHotPath('auto').kind,
    });
  }

  /** Ends all connections, as an agent that is stopped. Safe to call twice. */
  async stop(): Promise<void> {
    const listener = this.#listener;
    this.#listener = undefined;
    await listener?.close();
  }
}
