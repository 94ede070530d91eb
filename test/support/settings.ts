import { type CommandSpec, type ConfigOf, readConfig, type Schema } from '../../src/config/index.js';

/** The settings of a command as from its command line, where every file is there. */
export function settings<S extends Schema>(
  command: CommandSpec<S>,
  flags: Readonly<Record<string, string>>,
): ConfigOf<S> {
  const result = readConfig(command, {
    args: Object.entries(flags).map(([name, value]) => `--${name}=${value}`),
    environment: {},
    files: { whyUnreadable: () => undefined, read: () => Buffer.alloc(0) },
  });
  if (result.kind !== 'ok') throw new Error(JSON.stringify(result));
  return result.config;
}
