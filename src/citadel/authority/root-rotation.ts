import { X509Certificate } from 'node:crypto';
import { IdentityError } from '../../errors/index.js';
import { TrustBundle } from '../../pki/spiffe/index.js';
import { certificateFingerprint } from '../../pki/x509/index.js';
import { type AuthorityFiles, ISTIO_FILES } from './authority-directory.js';

/**
 * How far the change of a root has come: `steady`: there is none; `staged`: the next root is trusted, the old one
 * signs; `active`: the next root signs, the old one is trusted.
 */
export type RotationStep = 'steady' | 'staged' | 'active';

export type RotationAction = 'stage' | 'activate' | 'retire' | 'abort';

/** One step that was taken. */
export interface RotationEvent {
  /** RFC 3339, UTC. */
  readonly time: string;
  readonly action: RotationAction;
  /** SHA-256 fingerprints of the signing certificates before the change and after it. */
  readonly from: string;
  readonly to: string;
  /** Whether it was taken against a judgement. */
  readonly isForced: boolean;
  /** Citadel took it by itself; left out for the steps of people. */
  readonly isAutomatic?: boolean;
}

/** What stands in `rotation.json`, beside the files of the authority. */
export interface RotationRecord {
  readonly step: RotationStep;
  /** When it came to this step; RFC 3339, UTC. `undefined` before the first of all. */
  readonly since: string | undefined;
  /** The newest last. */
  readonly history: readonly RotationEvent[];
}

/** The files of an authority by their names, and what a change of its root keeps beside them. */
export type AuthorityFileSet = ReadonlyMap<string, Buffer>;

/** When, and whether against a judgement. */
export interface RotationMoment {
  /** Epoch milliseconds. */
  readonly atMs: number;
  readonly isForced: boolean;
  readonly isAutomatic?: boolean;
}

/** The file of a {@link RotationRecord}. */
export const RECORD = 'rotation.json';

/** So many steps are remembered: ten changes and more. */
const MAX_HISTORY = 50;

type Part = 'caKey' | 'caCert' | 'certChain' | 'rootCert';

const PARTS: readonly Part[] = ['caKey', 'caCert', 'certChain', 'rootCert'];

/** The other authority during a change: the next one while it is staged, the old one when it is not in use any more. */
const namesOf = (which: 'next' | 'old'): Readonly<Record<Part, string>> => ({
  caKey: `${which}-key.pem`,
  caCert: `${which}-cert.pem`,
  certChain: `${which}-chain.pem`,
  rootCert: `${which}-root.pem`,
});

/** The roots of the authority in use alone, while those of two are trusted. */
const OWN_ROOTS = 'own-root.pem';

export const NEXT = namesOf('next');
export const OLD = namesOf('old');

/** All that a set may hold. */
export const ROTATION_FILE_NAMES: readonly string[] = [
  ...[...Object.values(ISTIO_FILES), RECORD, OWN_ROOTS],
  ...[...Object.values(NEXT), ...Object.values(OLD)],
];

/** Which of them hold a private key. */
export const KEY_FILE_NAMES: ReadonlySet<string> = new Set([ISTIO_FILES.caKey, NEXT.caKey, OLD.caKey]);

/**
 * The files of an authority as a store keeps them: roots of Istio have no chain, and in older versions no second copy
 * of themselves. (reference: Istio C27)
 * @throws IdentityError `ERR_SIGNER_INVALID`: they are none in the layout of Istio.
 */
export function wholeSet(what: string, kept: AuthorityFileSet): AuthorityFileSet {
  const { caKey, caCert, certChain, rootCert } = ISTIO_FILES;
  const cert = kept.get(caCert);
  if (cert === undefined || !kept.has(caKey)) {
    const message = `${what}: got no ${caCert} and ${caKey}, expected an authority in the files of Istio`;
    throw new IdentityError('ERR_SIGNER_INVALID', message);
  }
  const files = new Map(kept);
  if (!files.has(certChain)) files.set(certChain, Buffer.alloc(0));
  if ((files.get(rootCert)?.length ?? 0) === 0) files.set(rootCert, cert);
  return files;
}

/** @throws IdentityError `ERR_SIGNER_INVALID`: the record is none. */
export function rotationOf(files: AuthorityFileSet): RotationRecord {
  const bytes = files.get(RECORD);
  if (bytes === undefined) return { step: 'steady', since: undefined, history: [] };
  try {
    const record = JSON.parse(bytes.toString('utf8'));
    if (['steady', 'staged', 'active'].includes(record.step) && Array.isArray(record.history)) return record;
  } catch {
    // As one of another form.
  }
  throw new IdentityError(
    'ERR_SIGNER_INVALID',
    `${RECORD}: got no record of a change of the root, expected one that sidecert root has written`,
  );
}

/**
 * The next root is trusted from now on; nothing is signed by it yet. `next` is an authority of its own.
 * @throws IdentityError `ERR_ROTATION_REFUSED`: another change is under way, or it is the same root.
 */
export function stage(files: AuthorityFileSet, next: AuthorityFiles, moment: RotationMoment): AuthorityFileSet {
  expectStep(files, 'stage', ['steady']);
  const own = part(files, ISTIO_FILES.rootCert);
  const [ownRoots, nextRoots] = [TrustBundle.parsePem(own), TrustBundle.parsePem(next.rootCert)];
  const known = ownRoots.fingerprints();
  if (nextRoots.fingerprints().every((print) => known.includes(print))) {
    throw refused('the next root is one that is trusted already, expected another one');
  }
  const changed = new Map(files);
  changed.set(OWN_ROOTS, own);
  for (const name of PARTS) changed.set(NEXT[name], next[name]);
  changed.set(ISTIO_FILES.rootCert, Buffer.concat([own, next.rootCert]));
  return recorded(changed, 'staged', event(files, 'stage', next.caCert, moment));
}

/**
 * The next authority signs from now on; both roots are trusted.
 * @throws IdentityError `ERR_ROTATION_REFUSED`: none is staged.
 */
export function activate(files: AuthorityFileSet, moment: RotationMoment): AuthorityFileSet {
  expectStep(files, 'activate', ['staged']);
  return recorded(exchange(files, NEXT, OLD), 'active', event(files, 'activate', part(files, NEXT.caCert), moment));
}

/**
 * The old root is not trusted any more, and its key is gone.
 * @throws IdentityError `ERR_ROTATION_REFUSED`: the next authority is not in use.
 */
export function retire(files: AuthorityFileSet, moment: RotationMoment): AuthorityFileSet {
  expectStep(files, 'retire', ['active']);
  const told = event(files, 'retire', part(files, ISTIO_FILES.caCert), moment, part(files, OLD.caCert));
  return recorded(alone(files, OLD), 'steady', told);
}

/**
 * One step back: the old authority signs again, or the next root is not trusted any more.
 * @throws IdentityError `ERR_ROTATION_REFUSED`: there is no change.
 */
export function abort(files: AuthorityFileSet, moment: RotationMoment): AuthorityFileSet {
  expectStep(files, 'abort', ['staged', 'active']);
  if (rotationOf(files).step === 'active') {
    return recorded(exchange(files, OLD, NEXT), 'staged', event(files, 'abort', part(files, OLD.caCert), moment));
  }
  const told = event(files, 'abort', part(files, ISTIO_FILES.caCert), moment, part(files, NEXT.caCert));
  return recorded(alone(files, NEXT), 'steady', told);
}

/** The authority in use goes to `to`, that of `from` is in use; both roots stay trusted, that of the latter first. */
function exchange(files: AuthorityFileSet, from: typeof NEXT, to: typeof NEXT): Map<string, Buffer> {
  const changed = new Map(files);
  const own = { ...ISTIO_FILES, rootCert: OWN_ROOTS };
  for (const name of PARTS) {
    changed.set(to[name], part(files, own[name]));
    changed.set(own[name], part(files, from[name]));
    changed.delete(from[name]);
  }
  const roots = [part(changed, OWN_ROOTS), part(changed, to.rootCert)];
  changed.set(ISTIO_FILES.rootCert, Buffer.concat(roots));
  return changed;
}

/** Without the other authority. */
function alone(files: AuthorityFileSet, other: typeof NEXT): Map<string, Buffer> {
  const changed = new Map(files);
  changed.set(ISTIO_FILES.rootCert, part(files, OWN_ROOTS));
  for (const name of [OWN_ROOTS, ...Object.values(other)]) changed.delete(name);
  return changed;
}

function expectStep(files: AuthorityFileSet, action: RotationAction, expected: readonly RotationStep[]): void {
  const { step } = rotationOf(files);
  if (!expected.includes(step)) {
    throw refused(`${action}: the change of the root is at ${step}, expected ${expected.join(' or ')}`);
  }
}

function event(
  files: AuthorityFileSet,
  action: RotationAction,
  to: Buffer,
  { atMs, isForced, isAutomatic = false }: RotationMoment,
  from = part(files, ISTIO_FILES.caCert),
): RotationEvent {
  const told = { time: new Date(atMs).toISOString(), action, from: fingerprint(from), to: fingerprint(to), isForced };
  return isAutomatic ? { ...told, isAutomatic } : told;
}

function recorded(files: Map<string, Buffer>, step: RotationStep, last: RotationEvent): AuthorityFileSet {
  const { history } = rotationOf(files);
  const record: RotationRecord = { step, since: last.time, history: [...history, last].slice(-MAX_HISTORY) };
  files.set(RECORD, Buffer.from(`${JSON.stringify(record, undefined, 2)}\n`));
  return files;
}

function part(files: AuthorityFileSet, name: string): Buffer {
  const bytes = files.get(name);
  if (bytes === undefined)
    throw new IdentityError('ERR_SIGNER_INVALID', `${name}: missing, expected it beside ${RECORD}`);
  return bytes;
}

/** SHA-256 of the first certificate, hex. */
export function fingerprint(pem: Buffer): string {
  return certificateFingerprint(new X509Certificate(pem));
}

function refused(message: string): IdentityError {
  return new IdentityError('ERR_ROTATION_REFUSED', message);
}
