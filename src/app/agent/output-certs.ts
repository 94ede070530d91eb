/** The files of `--output-certs`: kept apart so that they load only where they are switched on. */
import type { WorkloadIdentity } from '../../agent/identity/index.js';
import { OutputCerts, OutputDirectory, type SvidFiles } from '../../agent/output/index.js';
import { certificatePemsOf, trustedCaOf } from '../../agent/secrets/index.js';
import type { OutputConfig } from '../../config/index.js';
import type { Logger, MetricRegistry } from '../../telemetry/index.js';
import type { WallClockTimers } from '../../timers/index.js';

const OCTAL = 8;

export interface OutputSurroundings {
  readonly identity: WorkloadIdentity;
  readonly timers: WallClockTimers;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
}

/** Begins to write; `undefined` where there is no directory to write to. */
export function startOutputCerts(
  { outputCerts, outputCertsMode = '0600', outputCertsOwner }: OutputConfig,
  { identity, ...surroundings }: OutputSurroundings,
): OutputCerts | undefined {
  if (outputCerts === undefined) return undefined;
  const { now } = surroundings;
  const mode = Number.parseInt(outputCertsMode, OCTAL);
  const output = new OutputCerts({
    ...surroundings,
    directory: new OutputDirectory(outputCerts, { mode, owner: outputCertsOwner, now }),
    source: {
      files: () => filesOf(identity),
      onChange: (listener) => identity.onChange(listener),
    },
  });
  output.start();
  return output;
}

/** Copies, for the identity wipes what it replaces; of the key in memory that is no one else's. */
function filesOf(identity: WorkloadIdentity): SvidFiles | undefined {
  const [certificate, bundle] = [identity.certificate(), identity.bundle()];
  if (certificate === undefined || bundle === undefined) return undefined;
  const { chainPem, privateKeyPem } = certificatePemsOf(certificate.body);
  return {
    chainPem: ownCopy(chainPem),
    privateKeyPem: ownCopy(privateKeyPem),
    bundlePem: ownCopy(trustedCaOf(bundle.body)),
    serial: identity.status().serial ?? '',
  };
}

function ownCopy(bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  copy.set(bytes);
  return copy;
}
