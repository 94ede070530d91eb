import { errorCodeOf } from '../errors/index.js';
import { type ApiClient, deleteSecret, listSecretNames, PODS } from '../kubernetes/api/index.js';
import { ISTIO_SECRET } from './cluster-agents.js';

/** A Secret with a key and a certificate of former Istio. */
export interface SecretUse {
  readonly namespace: string;
  readonly name: string;
  /** The pods that mount it, or have variables of it. */
  readonly usedBy: readonly string[];
}

/**
 * All Secrets of the type `istio.io/key-and-cert`, each with who uses it. Pods that have ended use nothing.
 * @throws IdentityError `ERR_KUBERNETES_*`.
 */
export async function findUnusedSecrets(
  client: ApiClient,
  namespaces: readonly string[],
): Promise<readonly SecretUse[]> {
  const found = await Promise.all(
    namespaces.map(async (namespace) => {
      const names = await listSecretNames(client, { namespace, type: ISTIO_SECRET });
      const { items } = await client.list(PODS, { namespace });
      const pods = items.filter(({ phase }) => phase !== 'Succeeded' && phase !== 'Failed');
      return names.map((name) => ({
        ...{ namespace, name },
        usedBy: pods.filter((pod) => pod.secrets.some((one) => one.name === name)).map(({ metadata }) => metadata.name),
      }));
    }),
  );
  return found.flat();
}

/**
 * Deletes those of them that no pod uses.
 * @throws IdentityError `ERR_KUBERNETES_*`: those before the one that failed are gone.
 */
export async function removeSecrets(client: ApiClient, secrets: readonly SecretUse[]): Promise<void> {
  for (const { namespace, name, usedBy } of secrets) {
    if (usedBy.length > 0) continue;
    await deleteSecret(client, { namespace, name }).catch((error: unknown) => {
      if (errorCodeOf(error) !== 'ERR_KUBERNETES_NOT_FOUND') throw error;
    });
  }
}
