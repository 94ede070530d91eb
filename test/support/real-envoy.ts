import { accessSync, constants } from 'node:fs';

/** A real Envoy, with the options of a test that needs it. */
export interface RealEnvoy {
  readonly path: string;
  readonly skip: string | false;
}

/**
 * The Envoy that all end-to-end tests play with. Without one such a test runs and fails, unless ALLOW_NO_ENVOY=1 says
 * that skipping is all right: a suite must not turn green because a tool is missing.
 */
export function realEnvoy(): RealEnvoy {
  return envoyOf('ENVOY_PATH');
}

/** The same Envoy and the oldest that we know: for what an Envoy must see whichever it is. */
export function realEnvoys(): readonly (RealEnvoy & { readonly name: string })[] {
  return [
    { name: 'the oldest Envoy', ...envoyOf('ENVOY_OLDEST_PATH') },
    { name: 'the newest Envoy', ...realEnvoy() },
  ];
}

/** By the variable in which `npm test` says where it is; "none" when there is none. */
function envoyOf(variable: string): RealEnvoy {
  const path = process.env[variable];
  if (path !== undefined && path !== '' && path !== 'none') {
    accessSync(path, constants.X_OK);
    return { path, skip: false };
  }
  return {
    path: `no-envoy-found: run npm test, or set ${variable}`,
    skip: process.env.ALLOW_NO_ENVOY === '1' ? 'no Envoy, and ALLOW_NO_ENVOY=1' : false,
  };
}
