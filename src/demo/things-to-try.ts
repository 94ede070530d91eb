import type { DemoPlan } from './plan.js';

/** The lines printed when all is up: what a curious person may type now. Pure. */
export function commandsToTry(plan: DemoPlan, isReal: boolean): string[] {
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
    'Everything goes on running, and each certificate is replaced about every 30 s. To try:',
    ...curls.map(({ text, comment }) => `  ${text}   # ${comment}`),
    `  curl -sk https://127.0.0.1:${server}/ip   # refused: no certificate`,
    ...admins.map(({ name, adminPort }) => `  curl -s http://127.0.0.1:${adminPort}/certs   # Envoy admin of ${name}`),
    'Kill any process (agent, citadel, envoy): it is started again, and the others do not notice.',
    'Ctrl-C ends everything and removes its directory.',
    '',
  ];
}
