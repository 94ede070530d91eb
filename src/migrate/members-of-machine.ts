import { IdentityError } from '../errors/index.js';
import { JsonSection } from '../explain/index.js';
import { type Member, memberOfDocument } from './member.js';

/** An older answer says nothing of now. Machines are asked one after the other, and their clocks differ. */
const MAX_AGE_MS = 10 * 60_000;

/**
 * The members on another machine, by what `sidecert migrate status --output json` has printed there, in `file`: a name
 * without directories. They take their step there, and have to trust those that take it here.
 * @throws IdentityError `ERR_CONFIG_INVALID`: it is no such document, or not of the last ten minutes.
 */
export function membersOfMachine(file: string, document: unknown, nowMs: number): Member[] {
  const page = new JsonSection(document);
  const askedAtMs = page.timeMs('asked_at');
  const members = page.list('members');
  if (askedAtMs === undefined || members.length === 0) {
    throw invalid(file, 'another document', 'what sidecert migrate status --output json has printed');
  }
  if (Math.abs(nowMs - askedAtMs) > MAX_AGE_MS) {
    throw invalid(file, `one of ${new Date(askedAtMs).toISOString()}`, 'one of the last ten minutes: ask again there');
  }
  // The file is part of the name: two machines have the same addresses, and only those of this one are written to.
  return members.map((one) => memberOfDocument(`${file}: ${one.text('name') ?? 'a member without a name'}`, one));
}

function invalid(file: string, got: string, expected: string): IdentityError {
  return new IdentityError('ERR_CONFIG_INVALID', `--members ${file}: got ${got}, expected ${expected}`);
}
