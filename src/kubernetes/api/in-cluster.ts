import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import { IdentityError } from '../../errors/index.js';
import { readSmallFile } from '../../system/small-files/index.js';
import type { ClusterEnvironment, ServerAccess } from './server-access.js';

/** Where the kubelet puts the credentials of the pod's service account. (Kubernetes, "Access the API from a pod") */
const SERVICE_ACCOUNT_DIRECTORY = '/var/run/secrets/kubernetes.io/serviceaccount';

/** A namespace has 63 characters. */
const MAX_NAMESPACE_BYTES = 256;

/** Whether this process runs in a pod that is told where its API server is. */
export function isInCluster({ KUBERNETES_SERVICE_HOST: host }: ClusterEnvironment): boolean {
  return host !== undefined && host !== '';
}

/**
 * The API server of the cluster that this pod is in, as the pod's service account. Files are only named here: they are
 * read when they are first used, and again when they change.
 * @throws IdentityError `ERR_KUBERNETES_CONFIG_INVALID`.
 */
export async function inClusterAccess(
  { KUBERNETES_SERVICE_HOST: host = '', KUBERNETES_SERVICE_PORT: port = '443' }: ClusterEnvironment,
  directory = SERVICE_ACCOUNT_DIRECTORY,
): Promise<ServerAccess> {
  const origin = `https://${isIPv6(host) ? `[${host}]` : host}:${port}`;
  if (!URL.canParse(origin)) {
    throw new IdentityError(
      'ERR_KUBERNETES_CONFIG_INVALID',
      `KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT: got ${JSON.stringify([host, port])}, expected host and port`,
    );
  }
  const file = (name: string) => ({ kind: 'file', path: join(directory, name) }) as const;
  return {
    url: new URL(origin),
    serverName: undefined,
    ca: file('ca.crt'),
    token: file('token'),
    clientCertificate: undefined,
    namespace: await namespaceIn(join(directory, 'namespace')),
  };
}

/** A volume that is projected by hand may lack it. */
async function namespaceIn(path: string): Promise<string | undefined> {
  try {
    const what = `namespace file ${path}`;
    const file = await readSmallFile(path, {
      what,
      code: 'ERR_KUBERNETES_CONFIG_INVALID',
      maxBytes: MAX_NAMESPACE_BYTES,
    });
    return file.content.toString('utf8').trim() || undefined;
  } catch {
    return undefined;
  }
}
