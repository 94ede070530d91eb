import { IdentityError } from '../errors/index.js';
import { type Addon, loadAddon } from '../system/addon/index.js';
import { oneByOne } from './batch.js';
import type { BatchOperation, HotPathKind, Operation } from './implementation.js';
import { KnownIssuers } from './js/known-issuers.js';
import { prepare } from './js/prepare.js';
import { seal } from './js/seal.js';
import { nativeIssue } from './native/issue.js';
import { nativePrepare } from './native/prepare.js';
import { nativeSeal } from './native/seal.js';

type Loaders = { readonly [O in Operation]: () => Promise<BatchOperation<O>> };

/** By JavaScript in both: the token that signs then is slower than this. */
const draft = once(async (): Promise<BatchOperation<'draft'>> => {
  const [{ draft }, { IssuerCache }] = await Promise.all([import('./js/issue.js'), import('./js/loaded-signer.js')]);
  const issuers = new IssuerCache();
  return oneByOne('draft', (item) => {
    const leaf = draft(item, issuers.get(item.signer));
    return { ...leaf, toBeSigned: inMemoryOfItsOwn(leaf.toBeSigned) };
  });
});

/** What leaves a thread is moved, with all of the memory that it is in. */
function inMemoryOfItsOwn(bytes: Buffer): Buffer {
  const own = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(own);
  return own;
}

/** Each thread loads an operation once, and the addon only when it is native. */
const LOADERS: Readonly<Record<HotPathKind, Loaders>> = {
  js: {
    prepare: once(async () => oneByOne('prepare', prepare)),
    seal: once(async () => {
      const issuers = new KnownIssuers();
      return oneByOne('seal', (item) => seal(item, issuers));
    }),
    // It brings an ASN.1 library: the first CSR loads it, so that the agent's threads never pay for it.
    issue: once(async () => {
      const [{ issue }, { SignerCache }] = await Promise.all([
        import('./js/issue.js'),
        import('./js/loaded-signer.js'),
      ]);
      const signers = new SignerCache();
      return oneByOne('issue', (item) => issue(item, signers));
    }),
    draft,
  },
  native: {
    prepare: once(async () => nativePrepare(addon())),
    seal: once(async () => nativeSeal(addon())),
    issue: once(async () => nativeIssue(addon())),
    draft,
  },
};

/**
 * The operation as this thread does it.
 * @throws IdentityError `ERR_CONFIG_INVALID`: `native` without an addon that loads; see {@link chooseHotPath}.
 */
export function loadOperation<O extends Operation>(kind: HotPathKind, op: O): Promise<BatchOperation<O>> {
  return LOADERS[kind][op]();
}

function addon(): Addon {
  const load = loadAddon();
  if (load.kind === 'loaded') return load.addon;
  throw new IdentityError('ERR_CONFIG_INVALID', `native hot path: ${load.reason}`);
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
