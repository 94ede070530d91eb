import { IdentityError } from '../../src/errors/index.js';
import type { IssueItem, Outcome } from '../../src/hotpath/implementation.js';
import type {
  HotPathKind,
  IssuedLeaf,
  PreparedKey,
  PrepareRequest,
  SealedSvid,
  SealRequest,
} from '../../src/hotpath/index.js';
import { issue } from '../../src/hotpath/js/issue.js';
import { KnownIssuers } from '../../src/hotpath/js/known-issuers.js';
import { SignerCache } from '../../src/hotpath/js/loaded-signer.js';
import { prepare } from '../../src/hotpath/js/prepare.js';
import { seal } from '../../src/hotpath/js/seal.js';
import { nativeIssue } from '../../src/hotpath/native/issue.js';
import { nativePrepare } from '../../src/hotpath/native/prepare.js';
import { nativeSeal } from '../../src/hotpath/native/seal.js';
import { newSerial } from '../../src/hotpath/serial.js';
import { loadAddon } from '../../src/system/addon/index.js';

/** An implementation on single items, whose refusals are thrown: as it reads best in tests. */
export interface Implementation {
  readonly kind: HotPathKind;
  prepare(request: PrepareRequest): PreparedKey;
  seal(request: SealRequest): SealedSvid;
  issue(item: IssueItem, serial?: Buffer): IssuedLeaf;
}

function jsImplementation(): Implementation {
  const signers = new SignerCache();
  const issuers = new KnownIssuers();
  const sealAfterOthers = (request: SealRequest) => seal(request, issuers);
  return { kind: 'js', prepare, seal: sealAfterOthers, issue: (item, serial) => issue(item, signers, serial) };
}

/** Why there is no native one here, or `false`: an addon needs a C++ compiler at set-up. */
const load = loadAddon();
export const NO_ADDON = load.kind === 'absent' && load.reason;

function nativeImplementations(): Implementation[] {
  if (load.kind === 'absent') return [];
  const { addon } = load;
  return [
    {
      kind: 'native',
      prepare: (request) => only(nativePrepare(addon)([request])),
      seal: (request) => only(nativeSeal(addon)([request])),
      issue: (item, serial = newSerial()) => only(nativeIssue(addon, () => serial)([item])),
    },
  ];
}

/** All that work here. The tests of the room run on each. */
export const IMPLEMENTATIONS: readonly Implementation[] = [jsImplementation(), ...nativeImplementations()];

function only<T>([outcome]: readonly Outcome<T>[]): T {
  if (outcome?.ok) return outcome.value;
  throw outcome === undefined ? new Error('no outcome') : new IdentityError(outcome.code, outcome.message);
}
