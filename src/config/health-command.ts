import type { CommandSpec } from './command-spec.js';
import { HEALTH_OPTIONS, type HealthConfig } from './health-options.js';

/** Apart from the other commands: a probe is a process every few seconds, and loads the options of this one alone. */
export const HEALTH_COMMAND = {
  summary: 'ask an agent or a Citadel whether it is serving: exit code 0 when it is, 1 when not',
  purpose: 'Look into it',
  schema: HEALTH_OPTIONS,
  example: 'sidecert health --socket ./sds.sock',
  alternatives: [['socket', 'address']],
  check: checkHealth,
} as const satisfies CommandSpec<typeof HEALTH_OPTIONS>;

function checkHealth({ socket, address, caRootFile }: HealthConfig): string[] {
  if ((socket === undefined) === (address === undefined)) {
    return ['--socket, --address: got both or neither, expected exactly one of them'];
  }
  if (address !== undefined && caRootFile === undefined) {
    return ['--ca-root: got nothing, expected it together with --address'];
  }
  return [];
}
