import type { FailureRecord } from '../errors/index.js';
import { Field } from '../telemetry/index.js';
import { failureSection } from './identity-section.js';
import type { JsonValue } from './status-pages.js';
import { timeText } from './time-text.js';

/** How the roots of another trust domain stand. */
export interface FederationFacts {
  readonly trustDomain: string;
  readonly source: 'file' | 'endpoint' | undefined;
  readonly roots: number;
  /** In DER. */
  readonly certificates: readonly Buffer[];
  readonly file: string | undefined;
  readonly endpoint: EndpointFacts | undefined;
}

interface EndpointFacts {
  readonly url: string;
  readonly profile: string;
  readonly sequence: number | undefined;
  /** Epoch milliseconds. */
  readonly fetchedAtMs: number | undefined;
  readonly nextFetchMs: number | undefined;
  readonly lastFailure: FailureRecord | undefined;
}

/** Of one domain: a bundle of more is none of a mesh. */
const MAX_ROOTS = 100;

/** The trust domains whose roots come from files and bundle endpoints. */
export function federationSection(domains: readonly FederationFacts[]): JsonValue {
  return domains.map(({ trustDomain, source, roots, certificates, file, endpoint }) => ({
    [Field.trustDomain]: trustDomain,
    [Field.source]: source,
    roots,
    certificates: certificates.slice(0, MAX_ROOTS).map((der) => der.toString('base64')),
    file,
    endpoint: endpoint && endpointSection(endpoint),
  }));
}

function endpointSection({ url, profile, sequence, fetchedAtMs, nextFetchMs, lastFailure }: EndpointFacts): JsonValue {
  return {
    url,
    profile,
    sequence,
    last_good: timeText(fetchedAtMs),
    next_fetch: timeText(nextFetchMs),
    last_failure: failureSection(lastFailure),
  };
}
