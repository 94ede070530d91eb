import { isIPv6 } from 'node:net';
import type { BootstrapConfig } from './bootstrap-options.js';
import { canonicalHost } from './envoy-address.js';
import type { HostPort } from './kinds.js';

/** Addresses of all interfaces, which leave no room beside them on their port. */
const ALL_INTERFACES: readonly string[] = ['0.0.0.0', '::'];

/** What no single setting of a bootstrap shows, and an Envoy would end of, or serve wrongly. One text per problem. */
export function bootstrapProblems(config: BootstrapConfig): string[] {
  return [
    ...missingPartners(config),
    ...apiProblems(config),
    ...sharedPorts(config),
    ...repeatedUpstreams(config),
    ...oneNameForBoth(config),
  ];
}

function missingPartners({ inbound, app, outbound, upstreams, allow }: BootstrapConfig): string[] {
  const problems: string[] = [];
  const expectBoth = (flag: string, isGiven: boolean, partner: string, isPartnerGiven: boolean): void => {
    if (isGiven && !isPartnerGiven) problems.push(`--${partner}: got nothing, expected it together with --${flag}`);
  };
  expectBoth('inbound', inbound !== undefined, 'app', app !== undefined);
  expectBoth('app', app !== undefined, 'inbound', inbound !== undefined);
  expectBoth('allow', allow.length > 0, 'inbound', inbound !== undefined);
  expectBoth('outbound', outbound !== undefined, 'upstream', upstreams.length > 0);
  expectBoth('upstream', upstreams.length > 0, 'outbound', outbound !== undefined);
  if (inbound === undefined && outbound === undefined) {
    problems.push('--inbound, --outbound: got neither, expected at least one of them');
  }
  return problems;
}

function apiProblems({ sdsApi, restSocket, tokenSource, tokenBy, outbound }: BootstrapConfig): string[] {
  const problems: string[] = [];
  if (tokenBy === 'injector' && tokenSource !== 'stream') {
    problems.push(`--token-by: got "injector", expected it with --token-source stream only`);
  }
  if ((sdsApi === 'rest') !== (restSocket !== undefined)) {
    const got = restSocket === undefined ? 'nothing' : 'a path';
    problems.push(`--rest-socket: got ${got}, expected a path with --sds-api rest, and with no other`);
  }
  if (sdsApi === 'rest' && tokenSource === 'stream' && tokenBy === 'google_grpc') {
    problems.push('--sds-api: got "rest", expected another one with --token-by google_grpc');
  }
  if (sdsApi.endsWith('ads') && outbound !== undefined) {
    // A static cluster starts before ADS is there. (envoy#15517, as of 1.40)
    problems.push(`--sds-api: got "${sdsApi}", expected another one with --outbound: Envoy would crash`);
  }
  return problems;
}

/**
 * The application is in this as well: its port is taken when Envoy comes, and an Envoy that calls itself never answers.
 */
function sharedPorts({ admin, inbound, app, outbound }: BootstrapConfig): string[] {
  const uses = [
    { flag: '--admin', address: admin },
    { flag: '--inbound', address: inbound },
    { flag: '--outbound', address: outbound },
    { flag: '--app', address: app },
  ];
  return uses.flatMap(({ flag, address }, index) => {
    if (address === undefined) return [];
    const taken = uses.slice(0, index).find((other) => other.address !== undefined && overlap(other.address, address));
    if (taken === undefined) return [];
    return [`${flag}: got ${JSON.stringify(textOf(address))}, expected another address and port than ${taken.flag}`];
  });
}

/** Whether two sockets cannot be bound at once. Envoy's IPv6 sockets take no IPv4. */
function overlap(one: HostPort, other: HostPort): boolean {
  if (one.port !== other.port || one.port === 0) return false;
  if (isIPv6(one.host) !== isIPv6(other.host)) return false;
  const [first, second] = [canonical(one.host), canonical(other.host)];
  return first === second || ALL_INTERFACES.includes(first) || ALL_INTERFACES.includes(second);
}

/** As the application is given, too. */
function canonical(host: string): string {
  return host === 'localhost' ? '127.0.0.1' : canonicalHost(host);
}

function textOf({ host, port }: HostPort): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * The name is that of a cluster and of a virtual host. (envoy: "duplicate cluster", "Only unique values for domains")
 */
function repeatedUpstreams({ upstreams }: BootstrapConfig): string[] {
  const seen = new Set<string>();
  return upstreams.flatMap(({ name, address, spiffeId }) => {
    const text = `${name}=${textOf(address)}=${spiffeId}`;
    if (seen.has(name))
      return [`--upstream: got ${JSON.stringify(text)}, expected each NAME once, and ${name} is another's`];
    seen.add(name);
    return [];
  });
}

/** Envoy takes a certificate for a name that it wants a bundle for, and then stops verifying its peers. */
function oneNameForBoth({ certificateName, bundleName }: BootstrapConfig): string[] {
  if (certificateName !== bundleName) return [];
  return [`--bundle-name: got ${JSON.stringify(bundleName)}, expected another name than that of --certificate-name`];
}
