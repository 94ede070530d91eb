import { spawnSync } from 'node:child_process';

/** Why a test cannot run: a tool that is not on this machine. */
export function lacks(tool: string): string | false {
  return spawnSync(tool, ['--version'], { stdio: 'ignore' }).error !== undefined && `no ${tool}`;
}
