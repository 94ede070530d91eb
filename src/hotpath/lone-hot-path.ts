import { IdentityError } from '../errors/index.js';
import { takesLong } from '../pki/x509/index.js';
import type { HotPath } from './hot-path.js';
import type { Operation, Operations } from './implementation.js';
import { loadPooledHotPath } from './load-pooled-hot-path.js';
import { loadOperation } from './operation.js';
import { operationError } from './operation-error.js';
import type { PooledHotPathOptions } from './pool.js';
import { readItem } from './worker-protocol.js';

/**
 * The hot path of a lone workload, which works for 2 ms every few hours: EC keys and proofs on the caller's own thread,
 * the pool only for what would block it (RSA keys take 100 to 200 ms, signing a CA's leaves is a stream of work).
 *
 * A thread costs 30 to 50 ms to start, when the first secret is being waited for, and about 8 MB while it lives: see
 * docs/performance.md. The pool is loaded and made when it is first needed. The caller closes it.
 */
export function createLoneHotPath(options: PooledHotPathOptions): HotPath {
  let pool: Promise<HotPath> | undefined;
  let isClosed = false;
  const pooled = (): Promise<HotPath> => {
    pool ??= loadPooledHotPath(options);
    return pool;
  };
  const here = async <O extends Operation>(op: O, request: unknown): Promise<Operations[O]['value']> => {
    if (isClosed) throw new IdentityError('ERR_HOTPATH_CLOSED', 'hot path is closed');
    const item = readItem[op](request);
    const operate = await loadOperation(options.kind ?? 'js', op);
    const [outcome] = operate([item]);
    if (outcome?.ok) return outcome.value;
    throw outcome === undefined ? operationError(op, outcome) : new IdentityError(outcome.code, outcome.message);
  };
  return {
    async prepare(request, options) {
      if (takesLong(`${request?.keyType}`) && !isClosed) return (await pooled()).prepare(request, options);
      return here('prepare', request);
    },
    async seal(request) {
      return here('seal', request);
    },
    async issue(request, options) {
      if (isClosed) throw new IdentityError('ERR_HOTPATH_CLOSED', 'hot path is closed');
      return (await pooled()).issue(request, options);
    },
    async close() {
      isClosed = true;
      await (await pool)?.close();
    },
  };
}
