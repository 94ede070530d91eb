import { SpiffeId } from '../../pki/spiffe/index.js';
import { KEY_TYPES, unsupportedKeyType } from '../../pki/x509/index.js';
import type { Addon, PrepareTuple } from '../../system/addon/index.js';
import { batched } from '../batch.js';
import type { PrepareRequest } from '../hot-path.js';
import type { BatchOperation } from '../implementation.js';
import { inSlices, outcomeOf } from './addon-answer.js';

/** See {@link HotPath.prepare}. */
export function nativePrepare(addon: Addon): BatchOperation<'prepare'> {
  return (items) =>
    batched('prepare', items, prepareTuple, (tuples) =>
      inSlices(tuples, (slice) => {
        const [csrPems, answers] = addon.prepareBatch(slice);
        return answers.map((raw) =>
          outcomeOf(raw, ([privateKey, start, end]) => ({
            privateKey: Buffer.from(privateKey),
            csrPem: Buffer.from(csrPems, start, end - start),
          })),
        );
      }),
    );
}

function prepareTuple({ spiffeId, keyType, subject }: PrepareRequest): PrepareTuple {
  SpiffeId.parse(spiffeId);
  const index = KEY_TYPES.indexOf(keyType);
  if (index < 0) throw unsupportedKeyType(keyType);
  return subject === 'none' ? [index, spiffeId, true] : [index, spiffeId];
}
