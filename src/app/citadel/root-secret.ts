import { type AuthorityFileSet, type AuthorityStore, wholeSet, wipeKeys } from '../../citadel/authority/index.js';
import { errorCodeOf, IdentityError } from '../../errors/index.js';
import {
  type ApiClient,
  changeSecretData,
  createSecret,
  readSecret,
  readSecretState,
  type SecretData,
  type SecretState,
} from '../../kubernetes/api/index.js';

/** What an operator has plugged in, as Istio names it. (reference: Istio C23) */
const PLUGGED_IN = 'cacerts';

/** What Istio and we have made ourselves, and its type. (reference: Istio C27) */
const SELF_MADE = 'istio-ca-secret';
const SELF_MADE_TYPE = 'istio.io/ca-root';

/** Two replicas at once make one conflict; more than a few are another controller. */
const MAX_TRIES = 5;

/**
 * The Secrets of a namespace that hold an authority: `cacerts` when it is there, else `istio-ca-secret`, which is made
 * when it is not. With the names, type and keys of Istio, so that either takes over the root of the other.
 */
export class RootSecret implements AuthorityStore {
  /** By the last read that has come to an end: others ask for it while the next one is on its way. */
  private found = SELF_MADE;

  constructor(
    private readonly client: ApiClient,
    private readonly namespace: string,
  ) {}

  get name(): string {
    return `Secret ${this.namespace}/${this.found}`;
  }

  /** Whether an operator has plugged in what was found last. */
  get isPluggedIn(): boolean {
    return this.found === PLUGGED_IN;
  }

  async read(): Promise<SecretData | undefined> {
    for (const name of [PLUGGED_IN, SELF_MADE]) {
      try {
        const data = await readSecret(this.client, { namespace: this.namespace, name });
        this.found = name;
        return data;
      } catch (error) {
        if (errorCodeOf(error) !== 'ERR_KUBERNETES_NOT_FOUND') throw error;
      }
    }
    this.found = SELF_MADE;
    return undefined;
  }

  /**
   * Changes all files at once, by `change`, which is asked again when another process has changed them meanwhile.
   * @throws IdentityError `ERR_SIGNER_INVALID`: there is no Secret with an authority in the files of Istio;
   *   `ERR_ROTATION_REFUSED`: it changes all the time; as {@link ApiClient}; what `change` throws.
   */
  async change(change: (files: AuthorityFileSet) => Promise<AuthorityFileSet>): Promise<AuthorityFileSet> {
    for (let tries = 1; ; tries += 1) {
      const { name, before } = await this.state();
      const files = wholeSet(this.name, before.data);
      try {
        const data = await change(files);
        await changeSecretData(this.client, { namespace: this.namespace, name }, { before, data });
        return data;
      } catch (error) {
        if (errorCodeOf(error) !== 'ERR_KUBERNETES_CONFLICT') throw error;
        if (tries === MAX_TRIES) {
          throw new IdentityError('ERR_ROTATION_REFUSED', `${this.name}: is changed by another process all the time`);
        }
      } finally {
        wipeKeys(files);
      }
    }
  }

  /** As {@link change}, without a change. Who asks wipes the keys. */
  async files(): Promise<AuthorityFileSet> {
    const { before } = await this.state();
    return wholeSet(this.name, before.data);
  }

  private async state(): Promise<{ name: string; before: SecretState }> {
    for (const name of [PLUGGED_IN, SELF_MADE]) {
      try {
        const before = await readSecretState(this.client, { namespace: this.namespace, name });
        this.found = name;
        return { name, before };
      } catch (error) {
        if (errorCodeOf(error) !== 'ERR_KUBERNETES_NOT_FOUND') throw error;
      }
    }
    throw new IdentityError(
      'ERR_SIGNER_INVALID',
      `namespace ${this.namespace}: has neither Secret ${PLUGGED_IN} nor ${SELF_MADE}, expected one with an authority`,
    );
  }

  async create(data: SecretData): Promise<boolean> {
    try {
      await createSecret(this.client, { namespace: this.namespace, name: SELF_MADE }, { type: SELF_MADE_TYPE, data });
      return true;
    } catch (error) {
      if (errorCodeOf(error) === 'ERR_KUBERNETES_CONFLICT') return false;
      throw error;
    }
  }
}
