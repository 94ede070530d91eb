import {
  Pods,
  type PodsOptions,
  podIdentityOf,
  StreamAdmission,
  type TokenCheck,
  TokenGate,
  type TokenGateOptions,
} from '../../agent/admission/index.js';
import type { FileChanges } from '../../agent/files/index.js';
import { createFileTokenSource, type IdentityDependencies, WorkloadIdentity } from '../../agent/identity/index.js';
import type { SecretSource } from '../../agent/sds/index.js';
import { type SecretCatalog, WorkloadView } from '../../agent/secrets/index.js';
import type { IssuedWorkloads } from '../../config/index.js';
import type { SpiffeId, TrustDomain } from '../../pki/spiffe/index.js';
import type { IdentityFacts } from '../../status/index.js';
import { RateLimitedLogger } from '../../telemetry/index.js';
import type { Teardown } from '../running-app.js';

/** What the streams of an agent get. */
export interface ServedSecrets {
  readonly source: SecretSource;
  /** For the health service. */
  readonly isServing: () => boolean;
  /** For the status page. */
  readonly identities: () => readonly IdentityFacts[];
  /** In node mode: who takes tokens. */
  readonly admission?: StreamAdmission;
  /** The only one, where there is one from the start. */
  readonly ownIdentity?: WorkloadIdentity;
}

/**
 * A sidecar's tokens come one by one; each costs a CSR, and a stream that guesses must not queue thousands. One
 * connection alone may have half of them.
 */
const SIDECAR_LIMITS = { maxWaiting: 64, maxPods: 1, graceMs: Number.POSITIVE_INFINITY };

/**
 * Above what any node runs, some 500 pods at most: the load test has thousands. A pod costs tens of kilobytes, a
 * waiting token 2 kB.
 */
const NODE_LIMITS = { maxWaiting: 8192, maxPods: 8192 };

export interface ServingOptions {
  readonly trustDomain: TrustDomain;
  /** For how long the CA's word on a token stands for new streams, in milliseconds. */
  readonly proofAgeMs: number;
  /** How long a pod of a node stays that no stream holds, in milliseconds. */
  readonly idleGraceMs: number;
  /** Of tokens of streams, before the CA is asked. */
  readonly check?: TokenCheck | undefined;
  readonly catalog: SecretCatalog;
  readonly surroundings: IdentityDependencies;
  /** Tells of another token. */
  readonly files: FileChanges;
  readonly teardown: Teardown;
}

/** Makes the identities that an agent of this kind serves; their end is put onto the teardown. */
export function serveSecrets(
  served: IssuedWorkloads,
  { trustDomain, proofAgeMs, idleGraceMs: graceMs, check, catalog, surroundings, files, teardown }: ServingOptions,
): ServedSecrets {
  const log = new RateLimitedLogger(surroundings.logger, surroundings.now);
  switch (served.kind) {
    case 'own-token': {
      const { tokenFile } = served;
      const token = {
        ...createFileTokenSource(tokenFile, surroundings.now),
        onChange: (listener: () => void) => files.onChange(tokenFile, listener),
      };
      const identity = new WorkloadIdentity(surroundings, { spiffeId: served.spiffeId, token });
      teardown.add(() => identity.close());
      identity.start();
      // With a valid SVID there is always its bundle.
      return {
        source: { open: () => new WorkloadView(identity, catalog) },
        isServing: () => identity.hasValidSvid(),
        identities: () => [{ ...identity.status(), podUid: undefined, isIdle: undefined }],
        ownIdentity: identity,
      };
    }
    case 'stream-token': {
      const opened = openPods(
        { ...surroundings, ...SIDECAR_LIMITS, check, proofAgeMs },
        onePod(served.spiffeId),
        teardown,
      );
      return { ...servedPods(opened, catalog, log), isServing: () => opened.pods.hasValidSvid() };
    }
    case 'pods-of-node': {
      const podOf: TokenGateOptions['podOf'] = (claims) => podIdentityOf(claims, trustDomain);
      const opened = openPods({ ...surroundings, ...NODE_LIMITS, check, graceMs, proofAgeMs }, podOf, teardown);
      // A node without pods is as it should be.
      return { ...servedPods(opened, catalog, log), isServing: () => true };
    }
    default:
      return served satisfies never;
  }
}

/** The socket is one pod's, so a token of whatever pod has to be for its identity. */
function onePod(spiffeId: SpiffeId): TokenGateOptions['podOf'] {
  const pod = { spiffeId, key: spiffeId.toString(), podUid: undefined };
  return () => pod;
}

function servedPods(
  { pods, gate }: { readonly pods: Pods; readonly gate: TokenGate },
  catalog: SecretCatalog,
  log: RateLimitedLogger,
): Omit<ServedSecrets, 'isServing'> {
  const admission = new StreamAdmission(gate, log);
  const source: SecretSource = {
    async open(caller, gone) {
      const lease = await admission.admit(caller, gone());
      return new WorkloadView(lease.identity, catalog, lease);
    },
  };
  return { source, identities: () => pods.statuses(), admission };
}

function openPods(
  options: PodsOptions & Pick<TokenGateOptions, 'maxWaiting' | 'check'>,
  podOf: TokenGateOptions['podOf'],
  teardown: Teardown,
): { pods: Pods; gate: TokenGate } {
  const shared: typeof options = { ...options, crowd: () => pods.size + gate.waitingCount };
  const pods = new Pods(shared);
  teardown.add(() => pods.close());
  const gate = new TokenGate({ ...shared, pods, podOf });
  teardown.add(() => gate.close());
  return { pods, gate };
}
