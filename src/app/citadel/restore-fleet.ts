import type { FleetView } from '../../citadel/issuance/index.js';
import { errorCodeOf, messageOf } from '../../errors/index.js';
import { Field, type Logger } from '../../telemetry/index.js';

/**
 * Tells the view of the fleet who holds leaves that are still valid, by the trail of this Citadel, whose process may
 * have begun a moment ago. All of the trail is read: leaves may have been issued with a longer life than the policy
 * allows now. Never rejects: without the trail, the view knows what is issued from now on.
 */
export async function restoreFleet(fleet: FleetView, directory: string, logger: Logger): Promise<void> {
  try {
    const { readTrail } = await import('../../citadel/trail/index.js');
    let sinceMs: number | undefined;
    for await (const { event, time, known_since: begunAt = time, ...record } of readTrail(directory)) {
      // Of records that were dropped it is not known who got the certificates.
      if (sinceMs === undefined || event === 'lost') sinceMs = Date.parse(String(begunAt));
      if (event !== 'issued') continue;
      fleet.restored({
        spiffeId: String(record.spiffe_id),
        podName: typeof record.pod === 'string' ? record.pod : undefined,
        issuer: String(record.authority ?? record.issuer ?? ''),
        notAfterMs: Date.parse(String(record.not_after)),
      });
    }
    if (sinceMs !== undefined) fleet.knowsSince(sinceMs);
  } catch (error) {
    logger.warn('who holds certificates could not be read from the trail', {
      [Field.code]: errorCodeOf(error),
      [Field.error]: messageOf(error),
    });
  }
}
