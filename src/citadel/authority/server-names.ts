/** Agents expect istiod's name even when they dial `localhost`. (reference: Istio 3.2, 1) */
export const DEFAULT_SERVER_NAMES: readonly string[] = ['istiod.istio-system.svc', 'localhost', '127.0.0.1', '::1'];

/** Services by which Istio's control plane is known. (reference: Istio C32) */
const ISTIO_SERVICES = ['istiod', 'istiod-remote', 'istio-pilot'];

/** The names that proxies of Istio may know us by, in the namespace that we are in. */
export function istioServerNames(namespace: string): readonly string[] {
  return ISTIO_SERVICES.map((service) => `${service}.${namespace}.svc`);
}
