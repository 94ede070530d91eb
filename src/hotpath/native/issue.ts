import { wrapError } from '../../errors/index.js';
import type { Addon, IssueTuple } from '../../system/addon/index.js';
import { batched, failure } from '../batch.js';
import { generalName } from '../general-names.js';
import type { IssuedLeaf } from '../hot-path.js';
import type { BatchOperation, IssueItem, Outcome } from '../implementation.js';
import { newSerial } from '../serial.js';
import type { SignerMaterial } from '../signer.js';
import { codeNamed, inSlices, outcomeOf } from './addon-answer.js';

interface Read {
  readonly signer: SignerMaterial;
  readonly tuple: IssueTuple;
}

/** See {@link HotPath.issue}. `drawSerial` is for tests that compare leaves. */
export function nativeIssue(addon: Addon, drawSerial: () => Buffer = newSerial): BatchOperation<'issue'> {
  const read = ({ signer, csrPem, subjectAltNames, notBeforeMs, notAfterMs }: IssueItem): Read => ({
    signer,
    tuple: [csrPem, Buffer.concat(subjectAltNames.map(generalName)), drawSerial(), notBeforeMs, notAfterMs],
  });
  return (items) => batched('issue', items, read, (reads) => runsOf(reads).flatMap((run) => issueRun(addon, run)));
}

/** Neighbours with the same signer: nearly always all of the batch. */
function runsOf(reads: readonly Read[]): Read[][] {
  const runs: Read[][] = [];
  for (const read of reads) {
    const last = runs.at(-1);
    if (last?.[0]?.signer.id === read.signer.id) last.push(read);
    else runs.push([read]);
  }
  return runs;
}

function issueRun(addon: Addon, run: readonly Read[]): Outcome<IssuedLeaf>[] {
  const [first] = run;
  if (first === undefined) return [];
  try {
    loadSigner(addon, first.signer);
  } catch (error) {
    return run.map(() => failure('issue', error));
  }
  const tuples = run.map(({ tuple }) => tuple);
  return inSlices(tuples, (slice) => addon.issueBatch(first.signer.id, slice)).map((raw, index) =>
    outcomeOf(raw, ([leafPem, requestedUri]) => ({
      leafPem: Buffer.from(leafPem),
      serial: Buffer.from(tuples[index]?.[2] ?? []).toString('hex'),
      requestedUri,
    })),
  );
}

/** The copies are needed because N-API takes no shared memory; that of the key is wiped at once. */
function loadSigner(addon: Addon, { id, certificateDer, privateKeyDer }: SignerMaterial): void {
  if (addon.hasSigner(id)) return;
  const key = Buffer.allocUnsafeSlow(privateKeyDer.byteLength);
  key.set(new Uint8Array(privateKeyDer));
  try {
    addon.loadSigner(id, Buffer.from(new Uint8Array(certificateDer)), key);
  } catch (error) {
    throw wrapError(codeNamed(Object(error).code), 'signer does not load', error);
  } finally {
    key.fill(0);
  }
}
