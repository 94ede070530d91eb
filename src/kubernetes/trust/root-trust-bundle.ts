import { CancelSource } from '../../cancellation/index.js';
import { errorCodeOf, messageOf } from '../../errors/index.js';
import { Field, RateLimitedLogger } from '../../telemetry/index.js';
import { retryDelayMs, WallClockTimers, waitUntil } from '../../timers/index.js';
import { type Following, followResource, type KubernetesObject, type Resource } from '../api/index.js';
import { Healing } from './healing.js';
import type { PublishOptions } from './root-config-maps.js';
import { digestOf } from './root-copy.js';

/** As Istio names them. (reference: Istio C37) */
const SIGNER = 'istio.io/istiod-ca';
const NAME = 'istio.io:istiod-ca:root-cert';

const GROUP = 'certificates.k8s.io';

/** The newest first: v1 since Kubernetes 1.37, v1beta1, which a cluster has to be told to serve, since 1.33. */
const VERSIONS = ['v1', 'v1beta1'] as const;

/** An API server that is replaced by a newer one may have the resource then, and a role may be given later. */
const LOOK_AGAIN_MS = 10 * 60_000;

interface RootTrustBundleObject extends KubernetesObject {
  readonly digest: string;
}

/** The roots in a ClusterTrustBundle; kept so until it is closed. */
export interface RootTrustBundle {
  /** Whether the API server has one with the current roots; `undefined` while it is not known to serve any. */
  readonly isPublished: boolean | undefined;
  /** From now on other roots. */
  publish(rootsPem: string): void;
  /** Safe to call twice; resolves when nothing is under way any more. */
  close(): Promise<void>;
}

/**
 * Keeps the roots in the ClusterTrustBundle of Istio's signer, which pods mount as a projected volume, where the API
 * server has this resource and lets us; else it looks again from time to time. (certificates.k8s.io)
 */
export function publishRootTrustBundle(options: PublishOptions): RootTrustBundle {
  return new Publisher(options);
}

class Publisher implements RootTrustBundle {
  private readonly ending = new CancelSource();
  private readonly timers: WallClockTimers;
  private readonly log: RateLimitedLogger;
  private readonly looking: Promise<void>;
  private readonly healing: Healing;
  private following: Following | undefined;
  private resource: Resource<RootTrustBundleObject> | undefined;
  private current: RootTrustBundleObject | undefined;
  private isKnown = false;
  private rootsPem: string;

  constructor(private readonly options: PublishOptions) {
    const { clock, logger, random, rootsPem } = options;
    this.rootsPem = rootsPem;
    this.timers = new WallClockTimers(clock);
    this.log = new RateLimitedLogger(logger, clock.now);
    this.healing = new Healing({
      ...{ clock, logger, random },
      needsWrite: () => this.isKnown && this.current?.digest !== digestOf(this.rootsPem),
      write: () => this.write(),
      fieldsOf: (name) => ({ [Field.resourceName]: `clustertrustbundles ${name}` }),
    });
    this.looking = this.lookForResource();
  }

  get isPublished(): boolean | undefined {
    return this.isKnown ? this.current?.digest === digestOf(this.rootsPem) : undefined;
  }

  publish(rootsPem: string): void {
    this.rootsPem = rootsPem;
    this.healing.look(NAME);
  }

  async close(): Promise<void> {
    this.ending.cancel();
    this.timers.close();
    await this.looking;
    await Promise.all([this.following?.close(), this.healing.close()]);
  }

  /** Never rejects. */
  private async lookForResource(): Promise<void> {
    const { clock, logger, random } = this.options;
    let [hasToldNone, failures] = [false, 0];
    while (!this.ending.isCancelled) {
      let delayMs = LOOK_AGAIN_MS;
      try {
        this.resource = await this.servedResource();
        if (this.resource !== undefined) {
          this.following = this.follow(this.resource);
          return;
        }
        if (!hasToldNone) logger.info('the API server has no cluster trust bundles');
        [hasToldNone, failures] = [true, 0];
      } catch (error) {
        if (this.ending.isCancelled) return;
        delayMs = retryDelayMs({ kind: 'refused', failures, remainingMs: 0 }, random());
        failures += 1;
        this.log.warn('cluster trust bundles cannot be looked for, tried again', {
          [Field.code]: errorCodeOf(error),
          [Field.error]: messageOf(error),
        });
      }
      await waitUntil(this.timers, clock.now() + delayMs, this.ending);
    }
  }

  private async servedResource(): Promise<Resource<RootTrustBundleObject> | undefined> {
    for (const version of VERSIONS) {
      if (await this.isServed(version)) return bundlesOf(version);
    }
    return undefined;
  }

  /** (Kubernetes, "Discovery API") */
  private async isServed(version: string): Promise<boolean> {
    const path = `/apis/${GROUP}/${version}`;
    const call = { verb: 'get', resource: path, object: '' };
    try {
      const body = await this.options.client.raw({ call, method: 'GET', path, signal: this.ending });
      return body.includes('"clustertrustbundles"');
    } catch (error) {
      if (errorCodeOf(error) === 'ERR_KUBERNETES_NOT_FOUND') return false;
      throw error;
    }
  }

  private follow(resource: Resource<RootTrustBundleObject>): Following {
    const { client, logger, clock, random } = this.options;
    const known = (bundle: RootTrustBundleObject | undefined): void => {
      this.current = bundle;
      this.healing.look(NAME);
    };
    return followResource<RootTrustBundleObject>({
      ...{ client, logger, clock, random, resource, ...ONLY_OURS },
      observer: {
        onChange: known,
        onGone: () => known(undefined),
        onSynced: () => {
          this.isKnown = true;
          this.healing.look(NAME);
        },
      },
    });
  }

  private async write(): Promise<void> {
    if (this.resource === undefined) return;
    const fields = { spec: { signerName: SIGNER, trustBundle: this.rootsPem } };
    this.current = await this.options.client.patch('apply', this.resource, { name: NAME }, fields, {
      signal: this.ending,
    });
    this.options.logger.info('roots are in a cluster trust bundle', { [Field.resourceName]: NAME });
  }
}

/** A role may be bound to one name; then lists and watches are allowed for that one alone. */
const ONLY_OURS = { fieldSelector: `metadata.name=${NAME}` };

function bundlesOf(version: string): Resource<RootTrustBundleObject> {
  return {
    ...{ group: GROUP, version, kind: 'ClusterTrustBundle', plural: 'clustertrustbundles' },
    read(metadata, { spec }) {
      const pem = typeof spec === 'object' && spec !== null && 'trustBundle' in spec ? spec.trustBundle : '';
      return { metadata, digest: digestOf(typeof pem === 'string' ? pem : '') };
    },
  };
}
