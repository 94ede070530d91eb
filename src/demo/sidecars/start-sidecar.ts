import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { renderBootstrap } from '../../app/index.js';
import { readBootstrapConfig } from '../bootstrap-config.js';
import type { PodToken } from '../kubernetes/pod-token.js';
import { bootstrapArgs, type SidecarPlan } from '../plan.js';
import type { Supervisor } from '../processes/supervisor.js';
import { whenUp } from '../processes/when-up.js';
import { EnvoySidecar, envoyArgs } from './envoy-sidecar.js';
import type { Sidecar } from './sidecar.js';
import { StandInSidecar } from './stand-in-sidecar.js';

export interface StartSidecarOptions {
  readonly plan: SidecarPlan;
  /** Of the pod that the sidecar belongs to. */
  readonly token: PodToken;
  /** Undefined: our stand-in takes the place of Envoy. */
  readonly envoyPath: string | undefined;
  readonly supervisor: Supervisor;
}

/**
 * Starts a sidecar. Resolves when it holds a certificate. @throws Error with its last lines when it does not get ready.
 */
export async function startSidecar({ plan, token, envoyPath, supervisor }: StartSidecarOptions): Promise<Sidecar> {
  const config = readBootstrapConfig(bootstrapArgs(plan));
  if (envoyPath === undefined) {
    const readToken = plan.workload.tokenSource === 'stream' ? () => token.read() : undefined;
    const sidecar = new StandInSidecar(plan.name, config, readToken);
    await whenUp(undefined, (signal) => sidecar.ready(signal));
    return sidecar;
  }
  const file = (kind: string): string => join(plan.workload.directory, `${plan.name}.envoy.${kind}`);
  await writeFile(file('yaml'), await renderBootstrap(config));
  if (config.tokenBy === 'injector') {
    await writeFile(config.tokenSecretFile, await renderBootstrap({ ...config, print: 'token-secret' }));
  }
  const process = supervisor.start({
    name: `Envoy of ${plan.name}`,
    command: envoyPath,
    args: envoyArgs(file('yaml')),
    logFile: file('log'),
  });
  const sidecar = new EnvoySidecar(plan.name, plan.adminPort, process);
  await whenUp(process, (signal) => sidecar.ready(signal));
  return sidecar;
}
