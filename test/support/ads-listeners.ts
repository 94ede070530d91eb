import { renameSync, writeFileSync } from 'node:fs';
import type { EnvoyObject } from '../../src/envoy-bootstrap/envoy-values.js';
import type { SdsApi, WorkloadProxy } from '../../src/envoy-bootstrap/workload-proxy.js';
import { type EnvoyFiles, sidecarBootstrap } from './running-envoy.js';

const LISTENER_TYPE = 'type.googleapis.com/envoy.config.listener.v3.Listener';

/** One of the two clients for ADS that an Envoy has. The unified one is off by default. */
export interface AdsWay {
  readonly sdsApi: SdsApi & ('ads' | 'delta-ads');
  readonly mux: 'classic' | 'unified';
}

export const ADS_WAYS: readonly AdsWay[] = (['ads', 'delta-ads'] as const).flatMap((sdsApi) =>
  (['classic', 'unified'] as const).map((mux) => ({ sdsApi, mux })),
);

/** Where the listeners of a file come from, which can be added to while Envoy runs. */
export class ListenerFile {
  constructor(readonly path: string) {
    this.write('empty', []);
  }

  /** Replaces the file in one step: Envoy looks at it when it is moved. */
  write(version: string, listeners: readonly EnvoyObject[]): void {
    const resources = listeners.map((listener) => ({ '@type': LISTENER_TYPE, ...listener }));
    writeFileSync(`${this.path}.new`, JSON.stringify({ version_info: version, resources }));
    renameSync(`${this.path}.new`, this.path);
  }
}

/** The bootstrap of a sidecar whose secrets come by ADS, and whose further listeners come from a file. */
export function adsBootstrap(
  files: EnvoyFiles,
  { sdsApi, mux, socketPath, listeners }: AdsWay & { readonly socketPath: string; readonly listeners: ListenerFile },
): EnvoyObject {
  const plain = sidecarBootstrap(files, { socketPath, sdsApi });
  const runtime = { 'envoy.reloadable_features.unified_mux': mux === 'unified' };
  return {
    ...plain,
    layered_runtime: { layers: [{ name: 'test', static_layer: runtime }] },
    dynamic_resources: {
      ...(plain.dynamic_resources as EnvoyObject),
      lds_config: { resource_api_version: 'V3', path_config_source: { path: listeners.path } },
    },
  };
}

/** The listener of a sidecar's bootstrap, under another name and on the socket `inbound` and a number. */
export function anotherListener(
  files: EnvoyFiles,
  number: number,
  changes: Partial<WorkloadProxy> & Pick<WorkloadProxy, 'socketPath'>,
): EnvoyObject {
  const proxy = { sdsApi: 'ads', ...changes } as const;
  const { static_resources } = sidecarBootstrap({ ...files, inbound: `${files.inbound}${number}` }, proxy);
  const [listener] = (static_resources as { listeners: readonly EnvoyObject[] }).listeners;
  return { ...listener, name: `another ${number}` };
}
