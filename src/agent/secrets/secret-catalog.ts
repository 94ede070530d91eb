import { randomBytes } from 'node:crypto';
import { type Logger, RateLimitedLogger } from '../../telemetry/index.js';
import type { WallClockTimers } from '../../timers/index.js';
import { AllowedDirectories, anywhere, FileWatch, type PathWatches } from '../files/index.js';
import { type CatalogSettings, type NamedSecretFile, privateKeyProviderOf } from './catalog-settings.js';
import { FederatedBundles } from './federated-bundles.js';
import type { EndpointDependencies, FederatedDomainStatus } from './federated-domain.js';
import { FileSecrets } from './file-secrets.js';
import { IssuedRevocations } from './issued-revocations.js';
import { RevocationFile } from './revocations.js';
import { type ServedIdentity, WorkloadSecrets, type WorkloadSecretsOptions } from './workload-secrets.js';

export interface CatalogDependencies {
  readonly timers: WallClockTimers;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly logger: Logger;
  /** What bundle endpoints are asked with; left out, none is. */
  readonly endpoints?: Omit<EndpointDependencies, 'timers'>;
  /** Where the kernel tells of changed files; left out, they are looked at once a second. */
  readonly watches?: PathWatches | undefined;
}

/** What reads files and goes on looking at them. */
interface Reading {
  readonly watch: FileWatch;
  readonly federated: FederatedBundles;
  readonly revocations: RevocationFile | undefined;
  readonly files: FileSecrets;
}

/** All secrets that an agent can serve: those of its workloads, and those that are files. Its owner closes it. */
export class SecretCatalog {
  /** Goes with its workload: nothing else holds what belongs to it. */
  private readonly ofWorkloads = new WeakMap<ServedIdentity, WorkloadSecrets>();

  private constructor(
    private readonly reading: Reading,
    /** Of our own trust domain. */
    readonly revocations: IssuedRevocations,
    private readonly options: WorkloadSecretsOptions,
  ) {}

  get files(): FileSecrets {
    return this.reading.files;
  }

  /**
   * Reads the bundles and lists that the settings name, so that the first secret has them.
   * @throws IdentityError `ERR_SECRET_FILE_INVALID`: a list is there and cannot be used. Nothing is left open then.
   */
  static async open(settings: CatalogSettings, surroundings: CatalogDependencies): Promise<SecretCatalog> {
    const { timers, now, endpoints } = surroundings;
    const reading = read(settings, surroundings);
    const { federated, revocations } = reading;
    try {
      await Promise.all([federated.open(endpoints && { ...endpoints, timers }), revocations?.open()]);
    } catch (error) {
      await close(reading);
      throw error;
    }
    const names = {
      certificate: settings.certificateNames,
      bundle: settings.bundleNames,
      allBundles: settings.allBundlesNames,
      sessionTicketKeys: settings.sessionTicketKeysName,
    };
    const issued = new IssuedRevocations(revocations, surroundings);
    return new SecretCatalog(reading, issued, {
      ...{ names, federated, revocations: issued },
      ...{ peerUris: settings.peerSans, timers, now, randomBytes },
    });
  }

  /** How the bundles of other trust domains stand. */
  federation(): readonly FederatedDomainStatus[] {
    return this.reading.federated.statuses();
  }

  /** The secrets of a workload: the same for all its streams, so that their bytes are made once. */
  of(identity: ServedIdentity): WorkloadSecrets {
    const known = this.ofWorkloads.get(identity);
    if (known !== undefined) return known;
    const secrets = new WorkloadSecrets(identity, this.options);
    this.ofWorkloads.set(identity, secrets);
    return secrets;
  }

  /** Has all files read again, and bundle endpoints asked. Resolves when the files have been read. */
  reload(): Promise<void> {
    this.reading.federated.fetchNow();
    return this.reading.watch.reload();
  }

  /** Looks at no file any more. Safe to call twice. */
  close(): Promise<void> {
    return close(this.reading);
  }
}

function read(settings: CatalogSettings, { timers, now, logger, watches }: CatalogDependencies): Reading {
  const {
    crlFile,
    federatedBundles,
    federatedEndpoints = [],
    genericSecrets = [],
    peerSans: peerUris,
    secretDirectories = [],
  } = settings;
  const watch = new FileWatch({ timers, now, watches });
  const surroundings = { watch, log: new RateLimitedLogger(logger, now), directories: anywhere, now };
  return {
    watch,
    federated: new FederatedBundles({
      ...{ ...surroundings, peerUris, files: filesByName(federatedBundles) },
      endpoints: new Map(federatedEndpoints.map((endpoint) => [endpoint.trustDomain, endpoint])),
    }),
    revocations: crlFile === undefined ? undefined : new RevocationFile(crlFile, surroundings),
    files: new FileSecrets({
      ...surroundings,
      directories: new AllowedDirectories(secretDirectories),
      generic: filesByName(genericSecrets),
      privateKeyProvider: privateKeyProviderOf(settings),
    }),
  };
}

/** The watch last: it ends with the last look at a file. */
async function close({ watch, federated, revocations, files }: Reading): Promise<void> {
  files.close();
  revocations?.close();
  await federated.close();
  await watch.close();
}

function filesByName(list: readonly NamedSecretFile[]): Map<string, string> {
  return new Map(list.map(({ name, file }) => [name, file]));
}
