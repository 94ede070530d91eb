/** Agents expect istiod's name even when they dial `localhost`. (reference: Istio 3.2, 1) */
export const DEFAULT_SERVER_NAMES: readonly string[] = ['istiod.istio-system.svc', 'localhost', '127.0.0.1', '::1'];
