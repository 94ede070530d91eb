import { type SymptomId, symptomOfCode } from '../../symptoms/index.js';
import { distanceText, lengthText } from '../time-words.js';
import { type Judgement, Rule } from './judgement.js';
import { fingerprintOf, type Side } from './side.js';

/** What clocks of a cluster differ by. */
const MAX_SKEW_MS = 60_000;

const certificate = new Rule('certificate');
const clocks = new Rule('clocks');
const validity = new Rule('validity');
const renewal = new Rule('renewal');
const sides = new Rule('sides');

/** Whether there is a certificate to show; else why the CA gives none. `other` is the side that is compared with. */
export function judgeCertificate(side: Side, other: Side): Judgement {
  const { label, identity, chain } = side;
  const [leaf] = chain;
  if (leaf !== undefined) {
    const names = identity.texts('sans').join(', ') || 'no name';
    return certificate.ok(
      `${label} has one for ${names}, serial ${identity.text('serial')}, by ${identity.text('issuer')}`,
    );
  }
  if (identity.text('svid') !== undefined && identity.text('svid') !== 'none') {
    return certificate.unknown(`${label} has one that its page does not show: ask for one identity alone`);
  }
  const failure = identity.section('last_failure');
  if (failure === undefined)
    return certificate.fail('no-certificate', `${label} has none, and its CA has not answered yet`);
  const code = failure.text('code') ?? '';
  const count = identity.number('failed_renewals') ?? 1;
  const text = `${label} has none: ${code}${count > 1 ? `, ${count} times in a row` : ''}: ${failure.text('error')}`;
  if (code === 'ERR_CA_REFUSED_TOKEN') return refusedToken(side, other, text);
  return certificate.fail(symptomOfCode(code) ?? 'no-certificate', text);
}

/** A CA does not say which check failed; what the tokens say of themselves shows it as a rule. */
function refusedToken(side: Side, other: Side, text: string): Judgement {
  const [token, accepted] = [side.identity.section('token'), other.identity.section('token')];
  if (token === undefined) return certificate.fail('token-refused', text);
  const [iss, sub, aud] = [token.text('iss'), token.text('sub'), token.texts('aud')];
  const endMs = token.timeMs('expires');
  const end = endMs === undefined ? 'without end' : `expires ${distanceText(endMs, side.nowMs)}`;
  const says = `${text}; its token: iss ${iss}, sub ${sub}, aud ${aud.join(' ')}, ${end}`;
  if (endMs !== undefined && endMs <= side.nowMs) return certificate.fail('token-expired', says);
  const hasWorked = other.chain.length > 0 && accepted !== undefined;
  if (!hasWorked) return certificate.fail('token-refused', says);
  const others = accepted.texts('aud');
  if (!aud.some((one) => others.includes(one))) {
    return certificate.fail(
      'token-audience',
      `${says}; ${other.label}'s token, which a CA accepts, has aud ${others.join(' ')}`,
    );
  }
  if (iss !== accepted.text('iss')) {
    return certificate.fail(
      'token-issuer',
      `${says}; ${other.label}'s token, which a CA accepts, has iss ${accepted.text('iss')}`,
    );
  }
  return certificate.fail('token-refused', says);
}

/** A page that is older tells of what was. */
const MAX_AGE_MS = 10 * 60_000;

/** Where both clocks are known, whether they agree; where not, whether the pages are of one time. */
export function judgeClocks(one: Side, other: Side): Judgement {
  if (one.aheadMs === undefined || other.aheadMs === undefined) return judgeAges(one, other);
  const apartMs = one.aheadMs - other.aheadMs;
  if (Math.abs(apartMs) < MAX_SKEW_MS) return clocks.ok('both clocks agree within a minute');
  const [ahead, behind] = apartMs > 0 ? [one, other] : [other, one];
  return clocks.warn(
    'clock-skew',
    `the clock of ${ahead.label} is ${lengthText(apartMs)} ahead of that of ${behind.label}`,
  );
}

/** Of pages in files: a clock that is wrong and a page of long ago look the same from here. */
function judgeAges(one: Side, other: Side): Judgement {
  const apartMs = one.nowMs - other.nowMs;
  if (Math.abs(apartMs) >= MAX_SKEW_MS) {
    const [later, earlier] = apartMs > 0 ? [one, other] : [other, one];
    return clocks.warn(
      'status-stale',
      `the page of ${earlier.label} (${new Date(earlier.nowMs).toISOString()}) is of ${lengthText(apartMs)} before that of ${later.label}, or its clock is behind`,
    );
  }
  const old = [one, other].filter(({ ageMs = 0 }) => ageMs > MAX_AGE_MS);
  const [first] = old;
  if (first !== undefined) {
    const labels = old.map(({ label }) => label).join(' and ');
    const word = old.length > 1 ? 'are pages' : 'is a page';
    return clocks.warn(
      'status-stale',
      `${labels} ${word} of ${lengthText(first.ageMs ?? 0)} ago: what they say is of then`,
    );
  }
  const ahead = [one, other].find(({ ageMs = 0 }) => ageMs < -MAX_SKEW_MS);
  if (ahead !== undefined) {
    const text = `the page of ${ahead.label} is of ${lengthText(ahead.ageMs ?? 0)} ahead of the clock of this machine`;
    return clocks.warn('clock-skew', text);
  }
  return clocks.unknown('a file tells nothing of the clocks now; compare them by hand');
}

/** Whether both are one and the same: a page that is given twice, as a rule. */
export function judgeSame(one: Side, other: Side): Judgement | undefined {
  const [mine, theirs] = [one.chain[0], other.chain[0]];
  if (mine === undefined || theirs === undefined || !mine.equals(theirs)) return undefined;
  return sides.warn(
    'same-side',
    `A and B have one and the same certificate (${one.spiffeId}, serial ${mine.certificate.serialNumber.toLowerCase()})`,
  );
}

/** Whether the leaf is valid by the clock of who verifies it. */
export function judgeValidity(shown: Side, verifier: Side): Judgement | undefined {
  const [leaf] = shown.chain;
  if (leaf === undefined || typeof leaf.facts === 'string') return undefined;
  const { notBeforeMs, notAfterMs } = leaf.facts;
  const fingerprints = [fingerprintOf(leaf)];
  const skew = judgeClocks(shown, verifier);
  const isSkewed = skew.verdict === 'warn';
  const clock = `by the clock of ${verifier.label} (${new Date(verifier.nowMs).toISOString()})`;
  const why = isSkewed ? `; ${skew.text}` : '';
  if (verifier.nowMs > notAfterMs) {
    const isValidThere = shown.nowMs <= notAfterMs;
    const text = `${shown.label}'s certificate expired ${distanceText(notAfterMs, verifier.nowMs)} ${clock}${why}`;
    return validity.fail(
      isValidThere ? symptomOr(skew, 'certificate-expired') : 'certificate-expired',
      text,
      fingerprints,
    );
  }
  if (verifier.nowMs < notBeforeMs) {
    const isValidThere = shown.nowMs >= notBeforeMs;
    const text = `${shown.label}'s certificate is not yet valid, it begins ${distanceText(notBeforeMs, verifier.nowMs)} ${clock}${why}`;
    return validity.fail(isValidThere ? symptomOr(skew, 'certificate-early') : 'certificate-early', text, fingerprints);
  }
  return validity.ok(
    `${shown.label}'s certificate is valid for ${lengthText(notAfterMs - verifier.nowMs)} yet ${clock}`,
  );
}

/** What is odd about the times of both, or else what it is a sign of. */
function symptomOr({ verdict, symptom }: Judgement, otherwise: SymptomId): SymptomId {
  return verdict === 'warn' && symptom !== undefined ? symptom : otherwise;
}

/** What will go wrong next: renewals that fail while the certificate is still good. */
export function judgeRenewal({ label, identity, chain }: Side): Judgement | undefined {
  const failure = identity.section('last_failure');
  if (chain.length === 0 || failure === undefined) return undefined;
  const count = identity.number('failed_renewals') ?? 0;
  return renewal.warn(
    'renewal-failing',
    `${label}: ${count} renewals in a row failed, ${failure.text('code')}: ${failure.text('error')}`,
  );
}
