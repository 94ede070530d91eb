import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Test } from 'tap';
import { shortDir } from './short-dir.js';

/** build/test/support/ → the project. */
const CHART = fileURLToPath(new URL('../../../deploy/charts/sidecert', import.meta.url));

/** Where helm is, by `HELM_PATH`, the folder of it. As for Kubernetes, it may be missing only with leave. */
export function helmProgram(): { readonly path: string; readonly skip: string | false } {
  const folder = process.env.HELM_PATH;
  if (folder !== undefined && folder !== '' && folder !== 'none') return { path: join(folder, 'helm'), skip: false };
  const skip = process.env.ALLOW_NO_KUBERNETES === '1' ? 'no helm, and ALLOW_NO_KUBERNETES=1' : false;
  return { path: 'no-helm-found: run npm test, or set HELM_PATH', skip };
}

/** Templates of the chart, by their file names, as a release in the namespace `istio-system` has them. */
export async function rendered(
  t: Test,
  templates: readonly string[],
  values: Readonly<Record<string, string>> = {},
): Promise<string> {
  const args = [
    ...['template', 'sidecert', CHART, '--namespace', 'istio-system'],
    ...templates.flatMap((name) => ['--show-only', `templates/${name}`]),
    ...Object.entries(values).flatMap(([name, value]) => ['--set', `${name}=${value}`]),
  ];
  // It must not read what the user has set up for it.
  const home = shortDir(t);
  const env = { HOME: home, PATH: process.env.PATH ?? '' };
  const { stdout } = await promisify(execFile)(helmProgram().path, args, { env });
  return stdout;
}
