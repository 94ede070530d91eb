import { randomBytes } from 'node:crypto';
import type { Teardown } from '../../app/index.js';
import type { AgentConfig } from '../../config/index.js';
import { type Logger, RateLimitedLogger } from '../../telemetry/index.js';
import type { TimerWheel } from '../../timers/index.js';
import type { FileSurroundings } from '../files/index.js';
import { AllowedDirectories, anywhere, FileWatch } from '../files/index.js';
import type { WorkloadIdentity } from '../identity/index.js';
import { FederatedBundles } from './federated-bundles.js';
import { FileSecrets } from './file-secrets.js';
import { NO_REVOCATIONS, RevocationFile } from './revocations.js';
import type { PrivateKeyProvider } from './secret-codec.js';
import { type Revocations, WorkloadSecrets, type WorkloadSecretsOptions } from './workload-secrets.js';

export interface CatalogSurroundings {
  readonly timers: TimerWheel;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly logger: Logger;
  readonly teardown: Teardown;
}

/** All secrets that an agent can serve: those of its workloads, and those that are files. */
export class SecretCatalog {
  /** Goes with its workload: nobody else holds what belongs to it. */
  private readonly ofWorkloads = new WeakMap<WorkloadIdentity, WorkloadSecrets>();

  private constructor(
    readonly files: FileSecrets,
    private readonly options: WorkloadSecretsOptions,
  ) {}

  /** Reads the bundles and lists that the configuration names, so that the first secret has them. */
  static async open(config: AgentConfig, surroundings: CatalogSurroundings): Promise<SecretCatalog> {
    const { timers, now, logger, teardown } = surroundings;
    const watch = new FileWatch({ timers, now });
    teardown.add(() => watch.close());
    const reading = { watch, log: new RateLimitedLogger(logger, now), directories: anywhere, now };
    const peerUris = config.peerSans;
    const federated = new FederatedBundles({ ...reading, files: filesByName(config.federatedBundles), peerUris });
    teardown.add(() => federated.close());
    const revocations = openRevocations(config.crlFile, reading, teardown);
    const files = new FileSecrets({
      ...reading,
      directories: new AllowedDirectories(config.secretDirectories ?? []),
      generic: filesByName(config.genericSecrets ?? []),
      privateKeyProvider: privateKeyProviderOf(config),
    });
    teardown.add(() => files.close());
    await Promise.all([federated.open(), revocations.opened]);
    const names = {
      certificate: config.certificateNames,
      bundle: config.bundleNames,
      allBundles: config.allBundlesNames,
      sessionTicketKeys: config.sessionTicketKeysName,
    };
    const { lists } = revocations;
    return new SecretCatalog(files, { names, federated, revocations: lists, peerUris, timers, now, randomBytes });
  }

  /** The secrets of a workload: the same for all its streams, so that their bytes are made once. */
  of(identity: WorkloadIdentity): WorkloadSecrets {
    const known = this.ofWorkloads.get(identity);
    if (known !== undefined) return known;
    const secrets = new WorkloadSecrets(identity, this.options);
    this.ofWorkloads.set(identity, secrets);
    return secrets;
  }
}

/** The names that come out of the configuration, and not out of requests: metrics and status may call them. */
export function configuredNames(config: AgentConfig): readonly string[] {
  const { certificateNames, bundleNames, allBundlesNames, sessionTicketKeysName, genericSecrets = [] } = config;
  const ticketKeys = sessionTicketKeysName === undefined ? [] : [sessionTicketKeysName];
  return [
    ...certificateNames,
    ...bundleNames,
    ...allBundlesNames,
    ...ticketKeys,
    ...genericSecrets.map(({ name }) => name),
  ];
}

/** Who is to do the private key's operations; `undefined` for Envoy's own. */
export function privateKeyProviderOf(config: AgentConfig): PrivateKeyProvider | undefined {
  const { privateKeyProvider: name, privateKeyPollDelayNs: pollDelayNs, privateKeyFallback: fallback } = config;
  return name && { name, pollDelayNs, fallback };
}

function filesByName(list: readonly { readonly name: string; readonly file: string }[]): Map<string, string> {
  return new Map(list.map(({ name, file }) => [name, file]));
}

function openRevocations(
  path: string | undefined,
  reading: FileSurroundings,
  teardown: Teardown,
): { lists: Revocations; opened: Promise<void> } {
  if (path === undefined) return { lists: NO_REVOCATIONS, opened: Promise.resolve() };
  const file = new RevocationFile(path, reading);
  teardown.add(() => file.close());
  return { lists: file, opened: file.open() };
}
