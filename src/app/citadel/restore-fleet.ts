import type { FleetView } from '../../citadel/issuance/index.js';
import { errorCodeOf, messageOf } from '../../errors/index.js';
import { Field, type Logger } from '../../telemetry/index.js';

/**
 * Tells the view of the fleet who holds leaves that are still valid, by the trail of this Citadel, whose process may
 * have begun a moment ago. What may have such leaves is read, however long they were issued for: longer, it may be,
 * than the policy allows now. Never rejects: without the trail, the view knows what is issued from now on.
 */
export async function restoreFleet(
  fleet: Pick<FleetView, 'restored' | 'knowsSince'>,
  directory: string,
  { logger, now }: { readonly logger: Logger; readonly now: () => number },
): Promise<void> {
  try {
    const { readValidLeaves } = await import('../../citadel/trail/index.js');
    const sinceMs = await readValidLeaves(directory, now(), (record) => {
      fleet.restored({
        spiffeId: String(record.spiffe_id),
        podName: typeof record.pod === 'string' ? record.pod : undefined,
        issuer: String(record.authority ?? record.issuer ?? ''),
        notAfterMs: Date.parse(String(record.not_after)),
      });
    });
    if (sinceMs !== undefined) fleet.knowsSince(sinceMs);
  } catch (error) {
    logger.warn('who holds certificates could not be read from the trail', {
      [Field.code]: errorCodeOf(error),
      [Field.error]: messageOf(error),
    });
  }
}
