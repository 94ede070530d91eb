import type { SigningAuthority } from '../../citadel/authority/index.js';
import { Field, Metric, type MetricRegistry } from '../../telemetry/index.js';
import type { StatusPage } from '../status-page.js';
import { timeText } from '../time-text.js';

export interface CitadelStatusOptions {
  readonly authority: Pick<SigningAuthority, 'signer' | 'bundle' | 'notAfterMs'>;
  readonly trustDomain: string;
  readonly metrics: MetricRegistry;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** What a Citadel tells of itself: what it signs with, and for how long yet. */
export function citadelStatus({ authority, trustDomain, metrics, now }: CitadelStatusOptions): StatusPage {
  const { signer, bundle, notAfterMs } = authority;
  const expiry = metrics.gauge(Metric.authorityExpirySeconds);
  return {
    notReady: () => (now() < notAfterMs ? undefined : 'its signing certificate has expired'),
    collect() {
      expiry.set((notAfterMs - now()) / 1000);
    },
    sections: () => ({
      trust_domain: trustDomain,
      authority: {
        [Field.serial]: signer.certificate.serialNumber.toLowerCase(),
        [Field.notAfter]: timeText(notAfterMs),
        [Field.bundleSize]: bundle.size,
      },
    }),
  };
}
