import { SecretContent, type WorkloadIdentity } from '../../../identity/index.js';
import { Derived } from './derived.js';
import type { FederatedBundles } from './federated-bundles.js';
import { encodeSpiffeValidator, encodeValidationContext, trustedCaOf, type UriMatcher } from './secret-codec.js';
import { federatedName, namesOf, type ServedNames, type WorkloadName, workloadNameOf } from './secret-names.js';
import { SessionTicketKeys, type SessionTicketKeysOptions } from './session-ticket-keys.js';

/** What the secrets of all workloads of an agent are made with. */
export interface WorkloadSecretsOptions extends Omit<SessionTicketKeysOptions, 'onChange'> {
  readonly names: ServedNames;
  readonly federated: FederatedBundles;
  readonly revocations: Revocations;
  readonly peerUris: readonly UriMatcher[];
}

/** The certificate revocation lists of our own trust domain. */
export interface Revocations {
  /** PEM; `undefined` when there are none. */
  readonly value: Buffer | undefined;
  onChange(listener: () => void): () => void;
}

/** The secrets of one workload, by their resource names, as its identity and the trust bundles of others change. */
export class WorkloadSecrets {
  readonly #bundle: Derived<[SecretContent, Buffer | undefined], SecretContent>;
  readonly #allBundles: Derived<[SecretContent, ReadonlyMap<string, Buffer>], SecretContent>;
  readonly #ticketKeys: SessionTicketKeys;
  readonly #listeners = new Set<(names: readonly string[]) => void>();
  #unfollow = (): void => {};

  constructor(
    private readonly identity: WorkloadIdentity,
    private readonly options: WorkloadSecretsOptions,
  ) {
    const { names, peerUris } = options;
    this.#bundle = new Derived((bundle, crlPem) =>
      crlPem === undefined && peerUris.length === 0
        ? bundle
        : validationContext(encodeValidationContext(trustedCaOf(bundle.body), { crlPem, peerUris })),
    );
    this.#allBundles = new Derived((bundle, others) => {
      const all = new Map([[identity.spiffeId.trustDomain.name, trustedCaOf(bundle.body)], ...others]);
      return validationContext(encodeSpiffeValidator(all, peerUris));
    });
    const ticketKeyNames = [names.sessionTicketKeys ?? []].flat();
    this.#ticketKeys = new SessionTicketKeys({ ...options, onChange: () => this.#changed(ticketKeyNames) });
  }

  /** The newest content of a name; `undefined` when it is none of this workload's, or is not there yet. */
  secret(name: string): SecretContent | undefined {
    const meaning = this.#meaningOf(name);
    if (meaning === undefined) return undefined;
    if (typeof meaning === 'object') return this.options.federated.bundle(meaning.federatedDomain);
    switch (meaning) {
      case 'certificate':
        return this.identity.certificate();
      case 'bundle': {
        const bundle = this.identity.bundle();
        return bundle && this.#bundle.of(bundle, this.options.revocations.value);
      }
      case 'all-bundles': {
        const bundle = this.identity.bundle();
        return bundle && this.#allBundles.of(bundle, this.options.federated.pems);
      }
      case 'session-ticket-keys':
        return this.#ticketKeys.content();
      default:
        return meaning satisfies never;
    }
  }

  /** True for names that are this workload's, whether there is anything yet or not. */
  mayServe(name: string): boolean {
    const meaning = this.#meaningOf(name);
    return typeof meaning === 'object' ? this.options.federated.has(meaning.federatedDomain) : meaning !== undefined;
  }

  /** Calls `changed` with the names of what changes, until the result is called. */
  subscribe(changed: (names: readonly string[]) => void): () => void {
    if (this.#listeners.size === 0) this.#follow();
    this.#listeners.add(changed);
    return () => {
      if (this.#listeners.delete(changed) && this.#listeners.size === 0) this.#unfollow();
    };
  }

  /** Once for all streams: they are thousands. */
  #follow(): void {
    const { names, federated, revocations } = this.options;
    const ends = [
      this.#ticketKeys.hold(),
      this.identity.onChange(({ certificate, bundle }) => {
        const ofBundle = bundle ? [...this.#namesOf('bundle'), ...names.allBundles] : [];
        this.#changed(certificate ? [...ofBundle, ...this.#namesOf('certificate')] : ofBundle);
      }),
      federated.onChange((domain) => this.#changed([federatedName(domain), ...names.allBundles])),
      revocations.onChange(() => this.#changed(this.#namesOf('bundle'))),
    ];
    this.#unfollow = () => {
      for (const end of ends) end();
    };
  }

  #namesOf(which: 'certificate' | 'bundle'): readonly string[] {
    return namesOf(which, { spiffeId: this.identity.spiffeId, names: this.options.names });
  }

  #meaningOf(name: string): WorkloadName | undefined {
    return workloadNameOf(name, { spiffeId: this.identity.spiffeId, names: this.options.names });
  }

  #changed(names: readonly string[]): void {
    for (const listener of this.#listeners) listener(names);
  }
}

function validationContext(body: Buffer): SecretContent {
  return new SecretContent('validation-context', body);
}
