import { repeated } from './ca-options.js';
import type { InjectSettings } from './inject-options.js';
import { outageProblems } from './outage-problems.js';

/** What no single setting of an injection shows. One text per problem. */
export function injectProblems(settings: InjectSettings): string[] {
  return [
    ...agentProblems(settings),
    ...identityProblems(settings),
    ...caProblems(settings),
    ...captureProblems(settings),
    ...upstreamProblems(settings),
  ];
}

/** It is the agent of the pod that keeps the application of a classic one waiting. */
function agentProblems({ agent, isClassic }: InjectSettings): string[] {
  return agent === 'node' && isClassic ? ['classic: got true, expected false with agent node'] : [];
}

/** The files are of one workload, whose agent reads its token itself. */
function identityProblems({ identitySource, agent, tokenSource }: InjectSettings): string[] {
  if (identitySource === 'ca') return [];
  return [
    ...(agent === 'node' ? [`identity-source: got ${identitySource}, expected ca with agent node`] : []),
    ...(tokenSource === 'stream'
      ? [`identity-source: got ${identitySource}, expected ca with token-source stream`]
      : []),
  ];
}

function caProblems(settings: InjectSettings): string[] {
  const { caAddresses, caServerNames, caHeaders } = settings;
  const addresses = caAddresses.map(({ host, port }) => `${host}:${port}`);
  const count = caServerNames.length;
  return [
    ...(addresses.length === 0 ? ['ca-address: got nothing, expected one or several'] : []),
    ...repeated('ca-address', 'CA', addresses),
    ...repeated(
      'ca-header',
      'header',
      caHeaders.map(({ name }) => name),
    ),
    ...(count > 1 && count !== addresses.length
      ? [`ca-server-name: got ${count} for ${addresses.length} of ca-address, expected one for all, or one for each`]
      : []),
    ...outageProblems(settings),
  ];
}

function captureProblems(settings: InjectSettings): string[] {
  const { capture, appPort, outboundPorts, inbound, upstreams } = settings;
  const problems: string[] = [];
  if (capture !== 'none' && appPort !== undefined) {
    problems.push(`app-port: got ${appPort}, expected none unless capture is none`);
  }
  if (capture === 'none' && outboundPorts.length > 0) {
    problems.push(`outbound-ports: got ${outboundPorts.join(', ')}, expected none with capture none`);
  }
  if (inbound === 'off' && upstreams.length === 0 && outboundPorts.length === 0) {
    problems.push('inbound: got off, expected strict or permissive where there are no upstreams');
  }
  return problems;
}

function upstreamProblems({ upstreams, excludeOutboundPorts }: InjectSettings): string[] {
  const seen = new Set<string>();
  return upstreams.flatMap(({ host, port }) => {
    const name = `${host}:${port}`;
    if (excludeOutboundPorts.includes(port)) {
      return [`exclude-outbound-ports: got ${port}, expected no port of an upstream, and ${name} is one`];
    }
    if (seen.has(name)) return [`upstreams: got ${name} twice, expected each HOST:PORT once`];
    seen.add(name);
    return [];
  });
}
