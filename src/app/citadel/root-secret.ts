import type { AuthorityStore } from '../../citadel/authority/index.js';
import { errorCodeOf } from '../../errors/index.js';
import { type ApiClient, createSecret, readSecret, type SecretData } from '../../kubernetes/api/index.js';

/** What an operator has plugged in, as Istio names it. (reference: Istio C23) */
const PLUGGED_IN = 'cacerts';

/** What Istio and we have made ourselves, and its type. (reference: Istio C27) */
const SELF_MADE = 'istio-ca-secret';
const SELF_MADE_TYPE = 'istio.io/ca-root';

/**
 * The Secrets of a namespace that hold an authority: `cacerts` when it is there, else `istio-ca-secret`, which is made
 * when it is not. With the names, type and keys of Istio, so that either takes over the root of the other.
 */
export class RootSecret implements AuthorityStore {
  private found = SELF_MADE;

  constructor(
    private readonly client: ApiClient,
    private readonly namespace: string,
  ) {}

  get name(): string {
    return `Secret ${this.namespace}/${this.found}`;
  }

  async read(): Promise<SecretData | undefined> {
    for (const name of [PLUGGED_IN, SELF_MADE]) {
      this.found = name;
      try {
        return await readSecret(this.client, { namespace: this.namespace, name });
      } catch (error) {
        if (errorCodeOf(error) !== 'ERR_KUBERNETES_NOT_FOUND') throw error;
      }
    }
    return undefined;
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
