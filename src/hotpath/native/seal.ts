import { SpiffeId } from '../../pki/spiffe/index.js';
import type { Addon, SealTuple } from '../../system/addon/index.js';
import { batched } from '../batch.js';
import type { SealRequest } from '../hot-path.js';
import type { BatchOperation } from '../implementation.js';
import { inSlices, outcomeOf } from './addon-answer.js';

/** See {@link HotPath.seal}. */
export function nativeSeal(addon: Addon): BatchOperation<'seal'> {
  return (items) =>
    batched('seal', items, sealTuple, (tuples) =>
      inSlices(tuples, (slice) => addon.sealBatch(slice)).map((raw) =>
        outcomeOf(raw, ([certificateBody, bundleBody, serial, notBeforeMs, notAfterMs]) => ({
          certificateBody: Buffer.from(certificateBody),
          bundleBody: Buffer.from(bundleBody),
          serial,
          notBeforeMs,
          notAfterMs,
        })),
      ),
    );
}

function sealTuple(request: SealRequest): SealTuple {
  const { privateKey, chainPem, bundlePem, nowMs, minLifeMs, maxAheadMs = 0 } = request;
  const spiffeId = SpiffeId.parse(request.spiffeId).toString();
  return [privateKey, chainPem, bundlePem, spiffeId, nowMs, minLifeMs, maxAheadMs];
}
