import { delimiter } from 'node:path';
import { IdentityError } from '../../errors/index.js';
import { inClusterAccess, isInCluster } from './in-cluster.js';
import type { ClusterEnvironment, ServerAccess } from './server-access.js';

/**
 * Which API server to ask, and as whom: by the kubeconfig that is named; else, in a pod, by its service account; else
 * by the files of `KUBECONFIG`. Not by `~/.kube/config`: a command that is started without a thought must not act on
 * whatever cluster that names.
 * @throws IdentityError `ERR_KUBERNETES_CONFIG_INVALID`.
 */
export async function findAccess(
  kubeconfig: string | undefined,
  environment: ClusterEnvironment,
): Promise<ServerAccess> {
  if (kubeconfig === undefined && isInCluster(environment)) return inClusterAccess(environment);
  const listed = kubeconfig === undefined ? (environment.KUBECONFIG ?? '').split(delimiter) : [kubeconfig];
  const paths = listed.filter((path) => path !== '');
  if (paths.length === 0) {
    throw new IdentityError(
      'ERR_KUBERNETES_CONFIG_INVALID',
      'no API server: got no kubeconfig, and no KUBERNETES_SERVICE_HOST as in a pod, expected one of them',
    );
  }
  // Loaded here: a pod never reads YAML.
  const { readKubeconfig } = await import('./kubeconfig.js');
  return readKubeconfig(paths);
}
