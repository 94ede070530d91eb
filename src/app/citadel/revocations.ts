import { join } from 'node:path';
import type { LiveAuthority, OnlineIntermediate } from '../../citadel/authority/index.js';
import {
  type FoundCertificate,
  type ListSigner,
  listSignerOf,
  RevocationRegister,
} from '../../citadel/revocation/index.js';
import { findValidLeaves, type TrailWriter } from '../../citadel/trail/index.js';
import { errorCodeOf, messageOf } from '../../errors/index.js';
import { Field, type MetricRegistry } from '../../telemetry/index.js';
import { plainSerial } from '../../text/index.js';
import type { AppContext } from '../running-app.js';

interface FailuresInARow {
  readonly message: string;
  readonly count: number;
}

interface Surroundings {
  readonly live: LiveAuthority;
  /** Signs below it, where there is one. */
  readonly intermediate: Pick<OnlineIntermediate, 'signers' | 'onKeysChange' | 'isComplete'> | undefined;
  readonly trail: TrailWriter;
  /** The longest life of a leaf by the policy, in milliseconds. */
  readonly leafLifeMs: () => number;
  readonly metrics: MetricRegistry;
}

/**
 * Opens the register of revoked certificates beside the trail, and keeps its lists signed by all keys of the authority.
 * @throws IdentityError `ERR_TRAIL_UNAVAILABLE`.
 */
export async function openRevocations(
  { live, intermediate, trail, leafLifeMs, metrics }: Surroundings,
  { logger, now }: AppContext,
): Promise<RevocationRegister> {
  const { directory } = trail.state;
  let failures: FailuresInARow = { message: '', count: 0 };
  const signers = async (): Promise<readonly ListSigner[]> => {
    const { signer } = live.current;
    const all = new Map([signer, ...(await others())].map((one) => [one.material.id, listSignerOf(one)]));
    const above = [...all.values()].map((one) => ({ ...one, isAbove: intermediate !== undefined }));
    // All intermediates below it are known, so that each has its list.
    const own = (intermediate?.signers ?? []).map((one) => ({ ...listSignerOf(one), isIntermediate: false }));
    return [...own, ...above];
  };
  /** Without them the lists of the key in use are still of use. */
  const others = async () => {
    try {
      const known = await live.otherSigners();
      failures = { message: '', count: 0 };
      return known;
    } catch (error) {
      const message = messageOf(error);
      const fields = { [Field.code]: errorCodeOf(error), [Field.error]: message };
      failures = { message, count: failures.message === message ? failures.count + 1 : 1 };
      // The first may be of files that were being written. One that lasts stands in the way of a change of the root.
      if (failures.count === 2) logger.warn('no other keys of the authority for revocation lists', fields);
      else logger.debug('no other keys of the authority for revocation lists', fields);
      return [];
    }
  };
  const register = await RevocationRegister.open({
    ...{ path: join(directory, 'revocations.json'), listPath: join(directory, 'crl.pem') },
    trail: {
      async find(wanted) {
        await trail.flushed();
        const found: FoundCertificate[] = [];
        const text = 'serial' in wanted ? wanted.serial : wanted.identity;
        for await (const { not_after, ...record } of findValidLeaves(directory, now(), text)) {
          const serial = plainSerial(String(record.serial));
          const notAfterMs = Date.parse(String(not_after));
          const isWanted = 'serial' in wanted ? serial === text : record.spiffe_id === text;
          if (!isWanted) continue;
          const [identity, issuer] = [record.spiffe_id, record.issuer].map((field) =>
            typeof field === 'string' ? field : undefined,
          );
          found.push({ serial, identity, notAfterMs, issuer });
        }
        return found;
      },
      revoked: (fields) => trail.revoked(fields),
    },
    ...{ signers, leafLifeMs, logger, metrics, now },
    isPartial: () => failures.count > 0 || intermediate?.isComplete === false,
  });
  live.onChange(() => void register.signersChanged());
  intermediate?.onKeysChange(() => void register.signersChanged());
  return register;
}
