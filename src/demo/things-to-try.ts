import { relative } from 'node:path';
import type { DemoPlan } from './plan.js';
import type { ShownProcess } from './status-index.js';

/**
 * A caller whom the restricted sidecar does not let in: the answer is of the caller's own sidecar, and its status says
 * it.
 */
function refused({ clients, restricted }: DemoPlan): string[] {
  const { allow = [] } = restricted.inbound ?? {};
  return clients
    .filter(({ workload }) => !allow.includes(workload.spiffeId))
    .map(
      ({ name, outbound }) =>
        `  curl -sS -w '\\n%{http_code}\\n' -H 'Host: ${restricted.name}' http://127.0.0.1:${outbound?.port}/ip   # refused with 503: ${name} is not let in`,
    );
}

/** What is known once all is up. */
export interface StartedDemo {
  readonly isReal: boolean;
  readonly processes: readonly ShownProcess[];
  /** The page that leads to theirs. */
  readonly index: string;
  readonly directory: string;
}

/** Where to look with a browser, and for whom. */
function pages({ processes, index, directory }: StartedDemo): string[] {
  const width = Math.max(...processes.map(({ name }) => name.length));
  return [
    `To watch in a browser: ${index}`,
    ...processes.map(({ name, pid, url, directory: own }) => {
      const where = relative(directory, own);
      return `  ${name.padEnd(width)}  ${url}  pid ${pid ?? 'not known'}, ${where}/`;
    }),
    `  all of their files are in ${directory}`,
  ];
}

/** The lines printed when all is up: what a curious person may look at and type now. Pure. */
export function commandsToTry(plan: DemoPlan, started: StartedDemo): string[] {
  const { isReal } = started;
  const curls = plan.clients.flatMap(({ name, outbound }) =>
    plan.servers.map((server) => ({
      text: `curl -s -H 'Host: ${server.name}' http://127.0.0.1:${outbound?.port}/headers`,
      comment: `as ${name}`,
    })),
  );
  const admins = isReal ? plan.sidecars.map(({ name, adminPort }) => ({ name, adminPort })) : [];
  const server = plan.servers[0]?.inbound?.port;
  return [
    '',
    ...pages(started),
    '',
    'Everything goes on running, and each certificate is replaced about every 30 s. To try:',
    ...curls.map(({ text, comment }) => `  ${text}   # ${comment}`),
    // -S says what went wrong. In TLS 1.3 the server refuses after the client's handshake is done, and curl may see no
    // more than a connection that breaks; in TLS 1.2 it sees the alert.
    `  curl -sSk --tls-max 1.2 https://127.0.0.1:${server}/ip   # refused by a TLS alert: no certificate`,
    ...refused(plan),
    ...admins.map(({ name, adminPort }) => `  curl -s http://127.0.0.1:${adminPort}/certs   # Envoy admin of ${name}`),
    'Kill any process (agent, citadel, envoy): it is started again, and the others do not notice.',
    'Ctrl-C ends everything and removes its directory.',
    '',
  ];
}
