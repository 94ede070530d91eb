import { COMMANDS, type KubeInjectConfig, readConfig } from '../../src/config/index.js';

const FILES = { whyUnreadable: () => undefined, read: () => Buffer.alloc(0) };

/** The settings of `sidecert kube-inject` with these flags. */
export function injectSettings(...args: readonly string[]): KubeInjectConfig {
  const result = readConfig(COMMANDS['kube-inject'], { args: ['-f', '-', ...args], environment: {}, files: FILES });
  if (result.kind !== 'ok') throw new Error(JSON.stringify(result));
  return result.config;
}
