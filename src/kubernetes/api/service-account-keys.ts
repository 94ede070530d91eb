import type { ApiClient } from './api-client.js';

/** An answer has some kilobytes. */
const MAX_BYTES = 1024 * 1024;

/** What an API server publishes about the tokens that it signs. The role `system:service-account-issuer-discovery`. */
export class ServiceAccountKeys {
  constructor(private readonly client: Pick<ApiClient, 'raw' | 'server'>) {}

  get name(): string {
    return `the API server ${this.client.server}`;
  }

  readDiscovery(): Promise<Buffer> {
    return this.read('/.well-known/openid-configuration');
  }

  /**
   * Not by the `jwks_uri` of the discovery document: that may lead to another server, which our token is not for.
   */
  readKeys(): Promise<Buffer> {
    return this.read('/openid/v1/jwks');
  }

  private read(path: string): Promise<Buffer> {
    return this.client.raw({
      call: { verb: 'get', resource: path, object: '' },
      method: 'GET',
      path,
      maxBytes: MAX_BYTES,
    });
  }
}
