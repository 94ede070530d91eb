/**
 * envoy-bootstrap: the text of an Envoy bootstrap, from settings alone.
 */
export { renderBootstrap } from './render-bootstrap.js';
