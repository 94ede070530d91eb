import { type EnvoyObject, typed } from './envoy-values.js';

/** Name of the generic secret that is the token. */
const TOKEN_SECRET = 'sds_token';

/**
 * The HTTP filters of the SDS cluster that put the token of a secret into each request. A request for which there is no
 * token fails, and Envoy tries again. (Envoy 1.37: `header_value_prefix`)
 */
export function injectToken(tokenSecretFile: string): EnvoyObject[] {
  const generic = typed('envoy.extensions.http.injected_credentials.generic.v3.Generic', {
    credential: {
      name: TOKEN_SECRET,
      sds_config: { resource_api_version: 'V3', path_config_source: { path: tokenSecretFile } },
    },
    header: 'authorization',
    header_value_prefix: 'Bearer ',
  });
  return [
    {
      name: 'envoy.filters.http.credential_injector',
      typed_config: typed('envoy.extensions.filters.http.credential_injector.v3.CredentialInjector', {
        overwrite: true,
        credential: { name: 'envoy.http.injected_credentials.generic', typed_config: generic },
      }),
    },
    {
      // Has to be the last one.
      name: 'envoy.filters.http.upstream_codec',
      typed_config: typed('envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec', {}),
    },
  ];
}

/**
 * The file that {@link injectToken} names: a discovery response with the path of the token. Of a secret that comes so,
 * Envoy watches the directory of the token, and reads it again when a file is moved there, as the kubelet does. A
 * secret in the bootstrap itself would be read once.
 */
export function tokenSecret(tokenFile: string): EnvoyObject {
  return {
    resources: [
      typed('envoy.extensions.transport_sockets.tls.v3.Secret', {
        name: TOKEN_SECRET,
        generic_secret: { secret: { filename: tokenFile } },
      }),
    ],
  };
}
