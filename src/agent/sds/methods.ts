import { REQUEST_FIELDS, type RequestFields } from './request-fields.js';
import type { Form } from './subscription-state.js';

/** A method that streams secrets. */
export interface StreamMethod {
  readonly path: string;
  readonly name: string;
  readonly form: Form;
  readonly fields: RequestFields;
  /** Whether the stream may ask for other types, too, which we leave alone: they may be meant for another server. */
  readonly isAggregated: boolean;
}

const SECRETS = '/envoy.service.secret.v3.SecretDiscoveryService/';
const AGGREGATED = '/envoy.service.discovery.v3.AggregatedDiscoveryService/';

export const FETCH_SECRETS = `${SECRETS}FetchSecrets`;

export const STREAM_METHODS: readonly StreamMethod[] = [
  streamMethod(SECRETS, 'StreamSecrets', 'sotw'),
  streamMethod(SECRETS, 'DeltaSecrets', 'delta'),
  streamMethod(AGGREGATED, 'StreamAggregatedResources', 'sotw'),
  streamMethod(AGGREGATED, 'DeltaAggregatedResources', 'delta'),
];

function streamMethod(service: string, name: string, form: Form): StreamMethod {
  return { path: service + name, name, form, fields: REQUEST_FIELDS[form], isAggregated: service === AGGREGATED };
}
