import { isIP } from 'node:net';
import { IdentityError } from '../errors/index.js';
import { SpiffeId } from '../pki/spiffe/index.js';
import {
  contextPrimitive,
  GENERAL_NAME,
  type GeneralName,
  readGeneralNames,
  sequence,
  uriName,
} from '../pki/x509/index.js';

/** RFC 1035 §2.3.1 with the underscore of SRV names and a leading wildcard; 253 characters in all. */
const DNS_NAME =
  /^(?=.{1,253}$)(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*$/;

/**
 * One subject alternative name: `spiffe://` text is a URI, an IP address an IP, all else a DNS name. (Istio C20)
 * @throws IdentityError `ERR_SPIFFE_ID_INVALID`, or `ERR_INTERNAL` for what is no name at all: names come from our own
 *   policy, never from a peer as they are.
 */
export function generalName(name: string): Buffer {
  if (name.startsWith('spiffe://')) return uriName(SpiffeId.parse(name).toString());
  const version = isIP(name);
  if (version === 4) return contextPrimitive(GENERAL_NAME.ip, ipv4Octets(name));
  if (version === 6 && !name.includes('%')) return contextPrimitive(GENERAL_NAME.ip, ipv6Octets(name));
  if (DNS_NAME.test(name)) return contextPrimitive(GENERAL_NAME.dns, Buffer.from(name, 'latin1'));
  throw new IdentityError(
    'ERR_INTERNAL',
    `subject alternative name: got ${JSON.stringify(name.slice(0, 120))}, expected a SPIFFE ID, IP address or DNS name`,
  );
}

/** The names that a leaf will have, as name constraints are held against them. @throws as {@link generalName}. */
export function namesOfLeaf(names: readonly string[]): readonly GeneralName[] {
  return readGeneralNames(sequence(...names.map(generalName))) ?? [];
}

function ipv4Octets(address: string): Buffer {
  return Buffer.from(address.split('.').map(Number));
}

/** 16 octets of an address that `isIP` has accepted, in any of its spellings. (RFC 4291 §2.2) */
function ipv6Octets(address: string): Buffer {
  const [head = '', tail = ''] = address.split('::');
  const [before, after] = [groupOctets(head), groupOctets(tail)];
  const octets = Buffer.alloc(16);
  octets.set(before, 0);
  octets.set(after, 16 - after.length);
  return octets;
}

function groupOctets(groups: string): number[] {
  if (groups === '') return [];
  return groups.split(':').flatMap((group) => {
    if (group.includes('.')) return [...ipv4Octets(group)];
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}
