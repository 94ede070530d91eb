import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { KubeApiServer } from './kube-apiserver.js';

/** build/test/support/ → the project. */
const ROLES = fileURLToPath(new URL('../../../deploy/rbac-citadel.yaml', import.meta.url));

/** Gives Citadel its service account and the roles that the project ships; a kubeconfig of it. */
export async function citadelAccount(server: KubeApiServer): Promise<string> {
  await server.kubectl('create', 'namespace', 'istio-system');
  await server.apply(readFileSync(ROLES, 'utf8'));
  return server.kubeconfigOf(await server.token('istio-system', 'citadel'), 'istio-system');
}
