/**
 * envoy-bootstrap: the text of an Envoy bootstrap, from settings alone.
 */
export { renderBootstrap, renderSidecarBootstrap } from './render-bootstrap.js';
export { READY_PATH } from './sidecar-health.js';
export type { AppProbe, SidecarInbound, SidecarOutbound, SidecarProxy } from './sidecar-proxy.js';
