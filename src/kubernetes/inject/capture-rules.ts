import type { PortMatch } from '../../config/index.js';
import { PORTS, SIDECAR_UID } from './names.js';

/** Which TCP traffic is led to Envoy; UDP never is. */
export interface CaptureRules {
  /** `undefined`: none. */
  readonly inbound: { readonly ports: readonly PortMatch[]; readonly exclude: readonly number[] } | undefined;
  readonly outbound: { readonly ports: readonly PortMatch[]; readonly exclude: readonly number[] } | undefined;
}

/** Runs before the rules of most others in the same hook: the priority of `dstnat`. (nft(8)) */
const PRIORITY = -100;

/**
 * Rules for `nft`, IPv4 and IPv6 in one table. The whole is one transaction, and it replaces what an earlier run of the
 * same container has left, so that it may run again.
 */
export function nftablesRules({ inbound, outbound }: CaptureRules): string {
  const lines = ['table inet sidecert', 'delete table inet sidecert', 'table inet sidecert {'];
  if (outbound !== undefined) {
    lines.push(
      '  chain outbound {',
      `    type nat hook output priority ${PRIORITY}; policy accept;`,
      // Envoy's and the agent's own.
      `    meta skuid ${SIDECAR_UID} return`,
      // To the pod itself.
      '    oifname "lo" return',
      ...nftPorts('return', outbound.exclude),
      ...nftPorts(`redirect to :${PORTS.outbound}`, outbound.ports),
      '  }',
    );
  }
  if (inbound !== undefined) {
    lines.push(
      '  chain inbound {',
      `    type nat hook prerouting priority ${PRIORITY}; policy accept;`,
      '    iifname "lo" return',
      ...nftPorts('return', inbound.exclude),
      ...nftPorts(`redirect to :${PORTS.inbound}`, inbound.ports),
      '  }',
    );
  }
  return `${[...lines, '}'].join('\n')}\n`;
}

function nftPorts(verdict: string, ports: readonly PortMatch[]): string[] {
  if (ports.length === 0) return [];
  if (ports.includes('*')) return [`    meta l4proto tcp ${verdict}`];
  return [`    tcp dport { ${ports.join(', ')} } ${verdict}`];
}

/** The same by `iptables` and `ip6tables`, as a script for `sh`; without extensions beside `owner` and `tcp`. */
export function iptablesScript({ inbound, outbound }: CaptureRules, families: readonly ('ipv4' | 'ipv6')[]): string {
  const rules = [
    ...(outbound === undefined
      ? []
      : [
          ...iptablesChain('SIDECERT_OUTBOUND', 'OUTPUT'),
          `-A SIDECERT_OUTBOUND -m owner --uid-owner ${SIDECAR_UID} -j RETURN`,
          '-A SIDECERT_OUTBOUND -o lo -j RETURN',
          ...iptablesPorts('-A SIDECERT_OUTBOUND', 'RETURN', outbound.exclude),
          ...iptablesPorts('-A SIDECERT_OUTBOUND', `REDIRECT --to-ports ${PORTS.outbound}`, outbound.ports),
        ]),
    ...(inbound === undefined
      ? []
      : [
          ...iptablesChain('SIDECERT_INBOUND', 'PREROUTING'),
          '-A SIDECERT_INBOUND -i lo -j RETURN',
          ...iptablesPorts('-A SIDECERT_INBOUND', 'RETURN', inbound.exclude),
          ...iptablesPorts('-A SIDECERT_INBOUND', `REDIRECT --to-ports ${PORTS.inbound}`, inbound.ports),
        ]),
  ];
  const programs = families.map((family) => (family === 'ipv4' ? 'iptables' : 'ip6tables'));
  return programs.flatMap((program) => rules.map((rule) => `${program} -w -t nat ${rule}\n`)).join('');
}

/** A chain that may be there from an earlier run: emptied, and led to once. */
function iptablesChain(name: string, hook: string): string[] {
  return [
    `-N ${name} 2>/dev/null || true`,
    `-F ${name}`,
    `-D ${hook} -p tcp -j ${name} 2>/dev/null || true`,
    `-A ${hook} -p tcp -j ${name}`,
  ];
}

function iptablesPorts(chain: string, target: string, ports: readonly PortMatch[]): string[] {
  if (ports.includes('*')) return [`${chain} -p tcp -j ${target}`];
  return ports.map((port) => `${chain} -p tcp --dport ${port} -j ${target}`);
}
