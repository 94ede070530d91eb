import { type ErrorCode, errorCodeOf } from '../../errors/index.js';
import { Metric, type MetricRegistry } from '../../telemetry/index.js';
import type { CertificateIssuer } from './certificate-issuer.js';

/** `issuer`, and how long each of its calls took, by how it ended. */
export function measuredIssuer(issuer: CertificateIssuer, metrics: MetricRegistry): CertificateIssuer {
  const observe = (code: ErrorCode | 'OK', startedAtMs: number): void => {
    metrics.histogram(Metric.caRequestSeconds, { code }).observe((performance.now() - startedAtMs) / 1000);
  };
  return {
    async issue(request) {
      const startedAtMs = performance.now();
      try {
        const answer = await issuer.issue(request);
        observe('OK', startedAtMs);
        return answer;
      } catch (error) {
        observe(errorCodeOf(error), startedAtMs);
        throw error;
      }
    },
  };
}
