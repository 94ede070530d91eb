/** The files of `--output-certs`: kept apart so that they load only where they are switched on. */
import type { WorkloadIdentity } from '../../agent/identity/index.js';
import {
  type NoticeStatus,
  OutputCerts,
  OutputDirectory,
  type OutputStatus,
  RotationNotices,
  type SvidFiles,
} from '../../agent/output/index.js';
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

/** What writes, and what tells of it. */
export interface Output {
  status(): OutputStatus & { readonly notices: readonly NoticeStatus[] };
  close(): Promise<void>;
}

/** Begins to write; `undefined` where there is no directory to write to. */
export function startOutput(
  { outputCerts, outputCertsMode = '0600', outputCertsOwner, onRotate: targets = [] }: OutputConfig,
  { identity, ...surroundings }: OutputSurroundings,
): Output | undefined {
  if (outputCerts === undefined) return undefined;
  const { now } = surroundings;
  const mode = Number.parseInt(outputCertsMode, OCTAL);
  const notices = new RotationNotices({ ...surroundings, targets });
  const certs = new OutputCerts({
    ...surroundings,
    directory: new OutputDirectory(outputCerts, { mode, owner: outputCertsOwner, now }),
    source: {
      files: () => filesOf(identity),
      onChange: (listener) => identity.onChange(listener),
    },
    onSwitched: (files) => notices.switched(files),
  });
  certs.start();
  return {
    status: () => ({ ...certs.status(), notices: notices.status() }),
    async close() {
      await certs.close();
      await notices.close();
    },
  };
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
