import { accessSync, constants } from 'node:fs';

/** Where `npm test` says that the Envoy is; "none" when there is none. */
function envoyPath(): string | undefined {
  const path = process.env.ENVOY_PATH;
  if (path === undefined || path === '' || path === 'none') return undefined;
  accessSync(path, constants.X_OK);
  return path;
}

/**
 * The options of a test that needs a real Envoy, and its path. Without an Envoy the test runs and fails, unless
 * ALLOW_NO_ENVOY=1 says that skipping is all right: a suite must not turn green because a tool is missing.
 */
export function realEnvoy(): { path: string; skip: string | false } {
  const path = envoyPath();
  if (path !== undefined) return { path, skip: false };
  return {
    path: 'no-envoy-found: run npm run setup, or set ENVOY_PATH',
    skip: process.env.ALLOW_NO_ENVOY === '1' ? 'no Envoy, and ALLOW_NO_ENVOY=1' : false,
  };
}
