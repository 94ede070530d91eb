import { type BootstrapConfig, COMMANDS, readConfig } from '../config/index.js';

/** Reads arguments exactly as `sidecert bootstrap` does, so that what the demo runs is what a user would type. */
export function readBootstrapConfig(args: readonly string[]): BootstrapConfig {
  const files = {
    whyUnreadable: () => undefined,
    read(path: string): never {
      throw new Error(`${path}: the demo reads no configuration file`);
    },
  };
  const result = readConfig(COMMANDS.bootstrap, { args, environment: {}, files });
  if (result.kind === 'ok') return result.config;
  throw new Error(`the demo's own bootstrap arguments were refused: ${JSON.stringify(result)}`);
}
