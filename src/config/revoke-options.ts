import { boolean, expiringSerial, oneOf, serialNumber, spiffeId } from './kinds.js';
import { type ConfigOf, listOf, optional, requiredListOf, switchOf, withDefault } from './option.js';
import { ownStatusAddress } from './status-options.js';

/** `sidecert revoke`. */
export const REVOKE_OPTIONS = {
  statusAddresses: requiredListOf(ownStatusAddress, {
    flag: 'status-address',
    description: 'the --status-address of each running Citadel: all are told, whichever has issued the certificate',
  }),
  serial: optional(serialNumber, {
    flag: 'serial',
    description: 'serial number of the certificate',
  }),
  identity: optional(spiffeId, {
    flag: 'identity',
    description: 'SPIFFE ID of which all certificates are revoked that have not expired',
  }),
  certificates: listOf(expiringSerial, [], {
    flag: 'certificate',
    description:
      'a certificate that none of these Citadels has issued, and when it expires, as the command tells it where it was issued: for replicas that are asked one by one',
  }),
  reason: withDefault(
    oneOf([
      'unspecified',
      'keyCompromise',
      'cACompromise',
      'affiliationChanged',
      'superseded',
      'cessationOfOperation',
      'certificateHold',
      'privilegeWithdrawn',
      'aACompromise',
    ]),
    'unspecified',
    { flag: 'reason', description: 'why, as the lists and the trail say it (RFC 5280 section 5.3.1)' },
  ),
  isSoleIssuer: switchOf(boolean, {
    flag: 'sole-issuer',
    description:
      'where the Citadel signs with an intermediate: no other intermediate below the same root issues for workloads, whose peers Envoy would refuse; it is remembered as long as a certificate is revoked',
  }),
  isTrial: switchOf(boolean, {
    flag: 'dry-run',
    description: 'only tell which certificates it would be',
  }),
  output: withDefault(oneOf(['text', 'json']), 'text', {
    flag: 'output',
    short: 'o',
    description: 'text for people, or JSON',
  }),
};

export type RevokeConfig = ConfigOf<typeof REVOKE_OPTIONS>;

/** What several settings need of one another. */
export function revokeProblems({ serial, identity, certificates }: RevokeConfig): string[] {
  const given = [serial !== undefined, identity !== undefined, certificates.length > 0].filter(Boolean).length;
  const got = given === 0 ? 'none' : 'several';
  return given === 1 ? [] : [`--serial, --identity, --certificate: got ${got}, expected one of them`];
}
