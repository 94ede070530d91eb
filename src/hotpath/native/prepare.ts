import { SpiffeId } from '../../pki/spiffe/index.js';
import { KEY_TYPES, takesLong, unsupportedKeyType } from '../../pki/x509/index.js';
import type { Addon, PrepareTuple } from '../../system/addon/index.js';
import { batched, oneByOne } from '../batch.js';
import type { PrepareRequest } from '../hot-path.js';
import type { BatchOperation } from '../implementation.js';
import { prepare } from '../js/prepare.js';
import { inSlices, outcomeOf } from './addon-answer.js';

/**
 * See {@link HotPath.prepare}. RSA keys come from node:crypto, item by item: the search for primes takes as long there.
 */
export function nativePrepare(addon: Addon): BatchOperation<'prepare'> {
  const ofRsa = oneByOne('prepare', prepare);
  const ofEc = ecPrepare(addon);
  return (items) => {
    if (!items.some(isRsa)) return ofEc(items);
    const rsa = ofRsa(items.filter(isRsa)).values();
    const ec = ofEc(items.filter((item) => !isRsa(item))).values();
    return items.flatMap((item) => (isRsa(item) ? rsa : ec).next().value ?? []);
  };
}

function isRsa({ keyType }: PrepareRequest): boolean {
  return takesLong(keyType);
}

function ecPrepare(addon: Addon): BatchOperation<'prepare'> {
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

function prepareTuple({ spiffeId, keyType }: PrepareRequest): PrepareTuple {
  SpiffeId.parse(spiffeId);
  const index = KEY_TYPES.indexOf(keyType);
  if (index < 0) throw unsupportedKeyType(keyType);
  return [index, spiffeId];
}
