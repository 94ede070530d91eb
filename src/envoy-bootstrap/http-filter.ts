import { type EnvoyObject, typed } from './envoy-values.js';

/** What ends HTTP, with its router; `filters` come before that. */
export function httpFilter(statPrefix: string, fields: EnvoyObject, filters: readonly EnvoyObject[] = []): EnvoyObject {
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: typed('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
      stat_prefix: statPrefix,
      ...fields,
      http_filters: [
        ...filters,
        {
          name: 'envoy.filters.http.router',
          typed_config: typed('envoy.extensions.filters.http.router.v3.Router', {}),
        },
      ],
    }),
  };
}
