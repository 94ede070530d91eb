import type { SpiffeId, TrustDomain } from '../../pki/spiffe/index.js';
import { SecretContent, type SvidChange } from '../identity/index.js';
import type { FederatedBundles } from './federated-bundles.js';
import { Memo } from './memo.js';
import { encodeSpiffeValidator, encodeValidationContext, trustedCaOf, type UriMatcher } from './secret-codec.js';
import {
  federatedName,
  type NamedWorkload,
  namesOf,
  type ServedNames,
  type WorkloadName,
  workloadNameOf,
} from './secret-names.js';
import { SessionTicketKeys, type SessionTicketKeysOptions } from './session-ticket-keys.js';

/** What a workload holds, wherever it comes from. */
export interface ServedIdentity {
  /** `undefined` while it is not known, or where there is none. */
  readonly spiffeId: SpiffeId | undefined;
  readonly trustDomain: TrustDomain;
  /** Whether its SPIFFE ID may be another one later; left out, it never is. */
  readonly mayChange?: boolean;
  /** The certificate with its key; `undefined` without a valid one. */
  certificate(): SecretContent | undefined;
  /** The trust bundle. */
  bundle(): SecretContent | undefined;
  /** Calls `listener` after each change, until the result is called. */
  onChange(listener: (change: SvidChange) => void): () => void;
}

/** What the secrets of all workloads of an agent are made with. */
export interface WorkloadSecretsOptions extends Omit<SessionTicketKeysOptions, 'onChange' | 'isWanted'> {
  readonly names: ServedNames;
  readonly federated: FederatedBundles;
  readonly revocations: Revocations;
  readonly peerUris: readonly UriMatcher[];
}

/** The certificate revocation lists of our own trust domain. */
export interface Revocations {
  /** PEM; `undefined` when there are none. */
  readonly value: Buffer | undefined;
  /** Whether they are of the CAs that issue leaves alone: those above these have none. */
  readonly areForLeaves: boolean;
  /** Tells of the CAs of a bundle that have no list. */
  judge(bundlePem: Buffer): void;
  onChange(listener: () => void): () => void;
}

/** A stream of a workload. There are thousands: it is told itself, and not by a closure of its own. */
export interface WorkloadListener {
  changed(names: readonly string[]): void;
}

/** The secrets of one workload, by their resource names, as its identity and the trust bundles of others change. */
export class WorkloadSecrets {
  // Most of thousands of workloads never need these.
  private bundle: Memo<[SecretContent, Buffer | undefined], SecretContent> | undefined;
  private allBundles: Memo<[SecretContent, ReadonlyMap<string, Buffer>], SecretContent> | undefined;
  private ticketKeys: SessionTicketKeys | undefined;
  private readonly listeners = new Set<WorkloadListener>();
  private unfollow = (): void => {};

  constructor(
    private readonly identity: ServedIdentity,
    private readonly options: WorkloadSecretsOptions,
  ) {}

  /** The newest content of a name; `undefined` when it is none of this workload's, or is not there yet. */
  secret(name: string): SecretContent | undefined {
    const meaning = this.meaningOf(name);
    if (meaning === undefined) return undefined;
    if (typeof meaning === 'object') return this.options.federated.bundle(meaning.federatedDomain);
    switch (meaning) {
      case 'certificate':
        return this.identity.certificate();
      case 'bundle': {
        const bundle = this.identity.bundle();
        return bundle && this.validationContext(bundle);
      }
      case 'all-bundles': {
        const bundle = this.identity.bundle();
        return bundle && this.spiffeValidator(bundle);
      }
      case 'session-ticket-keys':
        return this.sessionTicketKeys().content();
      default:
        return meaning satisfies never;
    }
  }

  /** True for names that are this workload's, whether there is anything yet or not. */
  mayServe(name: string): boolean {
    const meaning = this.meaningOf(name);
    if (typeof meaning !== 'object') return meaning !== undefined;
    const { trustDomain, mayChange = false } = this.identity;
    const mayBecomeOurs = mayChange && name.startsWith(`${federatedName(trustDomain.name)}/`);
    return mayBecomeOurs || this.options.federated.has(meaning.federatedDomain);
  }

  /** All names that may ever be asked for. */
  servedNames(): readonly string[] {
    const { names, federated } = this.options;
    const workload = { spiffeId: this.identity.spiffeId, trustDomain: this.identity.trustDomain, names };
    const tickets = names.sessionTicketKeys === undefined ? [] : [names.sessionTicketKeys];
    const own = [...namesOf('certificate', workload), ...namesOf('bundle', workload), ...names.allBundles];
    return [...own, ...tickets, ...federated.domains.map(federatedName)];
  }

  /** Tells `listener` the names of what changes, until {@link unsubscribe}. */
  subscribe(listener: WorkloadListener): void {
    if (this.listeners.size === 0) this.follow();
    this.listeners.add(listener);
  }

  unsubscribe(listener: WorkloadListener): void {
    if (this.listeners.delete(listener) && this.listeners.size === 0) this.unfollow();
  }

  /** The CA's own bundle, unless there is more to say. */
  private validationContext(bundle: SecretContent): SecretContent {
    const { peerUris, revocations } = this.options;
    if (revocations.value === undefined && peerUris.length === 0) return bundle;
    this.bundle ??= new Memo((from, crlPem) => {
      const bundlePem = trustedCaOf(from.body);
      revocations.judge(bundlePem);
      return validationContext(
        encodeValidationContext(bundlePem, { crlPem, checksLeafAlone: revocations.areForLeaves, peerUris }),
      );
    });
    return this.bundle.of(bundle, revocations.value);
  }

  private spiffeValidator(bundle: SecretContent): SecretContent {
    const { peerUris, federated } = this.options;
    this.allBundles ??= new Memo((from, others) => {
      const all = new Map([[this.identity.trustDomain.name, trustedCaOf(from.body)], ...others]);
      return validationContext(encodeSpiffeValidator(all, peerUris));
    });
    return this.allBundles.of(bundle, federated.pems);
  }

  private sessionTicketKeys(): SessionTicketKeys {
    this.ticketKeys ??= new SessionTicketKeys({
      ...this.options,
      onChange: () => this.changed([this.options.names.sessionTicketKeys ?? []].flat()),
      isWanted: () => this.listeners.size > 0,
    });
    return this.ticketKeys;
  }

  /** Once for all streams: they are thousands. */
  private follow(): void {
    const { names, federated, revocations } = this.options;
    const ends = [
      this.identity.onChange(({ certificate, bundle }) => {
        const ofBundle = bundle ? [...this.namesOf('bundle'), ...names.allBundles] : [];
        this.changed(certificate ? [...ofBundle, ...this.namesOf('certificate')] : ofBundle);
      }),
      federated.onChange((domain) => this.changed([federatedName(domain), ...names.allBundles])),
      revocations.onChange(() => this.changed(this.namesOf('bundle'))),
    ];
    this.unfollow = () => {
      for (const end of ends) end();
    };
  }

  private namesOf(which: 'certificate' | 'bundle'): readonly string[] {
    return namesOf(which, this.named);
  }

  private meaningOf(name: string): WorkloadName | undefined {
    return workloadNameOf(name, this.named);
  }

  private get named(): NamedWorkload {
    const { spiffeId, trustDomain } = this.identity;
    return { spiffeId, trustDomain, names: this.options.names };
  }

  private changed(names: readonly string[]): void {
    for (const listener of this.listeners) listener.changed(names);
  }
}

function validationContext(body: Buffer): SecretContent {
  return new SecretContent('validation-context', body);
}
