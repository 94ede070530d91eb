import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** The first one whose credential injector can put "Bearer " before a token. */
const INJECTOR_SINCE = { major: 1, minor: 37 };

/** Whether this Envoy can pass tokens by `--token-by injector`; no for one that does not say its version. */
export async function canInjectTokens(envoyPath: string): Promise<boolean> {
  const { stdout } = await promisify(execFile)(envoyPath, ['--version']).catch(() => ({ stdout: '' }));
  return hasInjector(stdout);
}

/** Of what `envoy --version` prints: `envoy  version: COMMIT/1.40.0/Clean/RELEASE/BoringSSL`. Pure. */
function hasInjector(versionText: string): boolean {
  const [, major, minor] = /\/(\d{1,4})\.(\d{1,4})\.\d/.exec(versionText) ?? [];
  if (Number(major) !== INJECTOR_SINCE.major) return Number(major) > INJECTOR_SINCE.major;
  return Number(minor) >= INJECTOR_SINCE.minor;
}
