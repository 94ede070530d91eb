import type { Form } from './subscription-state.js';

/** Where the requests of a form have what we read. A number that a form does not have is 0, as no field is. */
export interface RequestFields {
  readonly version: number;
  readonly node: number;
  readonly names: number;
  readonly unsubscribed: number;
  readonly typeUrl: number;
  readonly nonce: number;
  readonly error: number;
}

/**
 * Fields of DiscoveryRequest and of DeltaDiscoveryRequest (envoy.service.discovery.v3). Of the latter we leave
 * `initial_resource_versions` unread: what a reconnecting Envoy says that it has is no reason to send it less, since a
 * new listener may wait for just that.
 */
export const REQUEST_FIELDS: Readonly<Record<Form, RequestFields>> = {
  sotw: { version: 1, node: 2, names: 3, unsubscribed: 0, typeUrl: 4, nonce: 5, error: 6 },
  delta: { version: 0, node: 1, names: 3, unsubscribed: 4, typeUrl: 2, nonce: 6, error: 7 },
};
