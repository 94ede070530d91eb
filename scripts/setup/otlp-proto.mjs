import { resolve } from 'node:path';

const VERSION = '1.45.2';

/** The official messages of OpenTelemetry's protocol, and Google's library that reads them: a judge of the traces that we send. */
export const OTLP_PROTO = {
  name: `opentelemetry-proto ${VERSION}`,
  directory: resolve('.cache/otlp-proto', VERSION),
  packages: [`opentelemetry-proto==${VERSION}`, 'protobuf==7.36.2'],
};
