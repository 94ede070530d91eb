import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../polling.js';
import type { Sidecar, SidecarStatus } from '../sidecars/sidecar.js';
import { CheckFailed } from './checklist.js';
import { callerAsSeenBy, type MatrixClient } from './matrix.js';
import { SteadyLoad } from './steady-load.js';
import { servedSerial } from './tls-probe.js';

/** Enough to have requests in flight at any moment, little enough for a laptop that also compiles. */
const REQUESTS_PER_SECOND = 50;

/** After the rotations the load goes on until connections between the sidecars have been replaced (2 s in the demo). */
const AFTERMATH_MS = 2500;

export interface RotationCheck {
  readonly client: MatrixClient;
  readonly clientSidecar: Sidecar;
  readonly server: Sidecar;
  readonly serverPort: number;
  /** Aborts when both should have rotated long ago. */
  readonly signal: AbortSignal;
  readonly onProgress: (text: string) => void;
}

/**
 * Keeps requests going through both sidecars until both have a new certificate. None may fail; both processes must be
 * the same ones, older than before; and both new certificates must be seen in use: the server's in a handshake, the
 * client's by the server's application.
 */
export async function expectRotationUnderLoad(check: RotationCheck): Promise<string> {
  const { client, clientSidecar, server, serverPort, signal, onProgress } = check;
  const before = await look(check);
  const load = new SteadyLoad(client.http, server.name, REQUESTS_PER_SECOND);
  try {
    await until('a rotation of both sidecars', signal, async () => {
      const [own, peer] = await Promise.all([clientSidecar.status(), servedSerial(serverPort)]);
      const waiting = [
        ...(own.serial === before.client.serial ? [clientSidecar.name] : []),
        ...(peer === before.handshakeSerial ? [server.name] : []),
      ];
      onProgress(`rotation under load: ${load.sent} requests, waiting for ${waiting.join(' and ')}`);
      return waiting.length === 0 || undefined;
    });
    onProgress('rotation under load: both have rotated, going on until new connections carry the new certificates');
    await delay(AFTERMATH_MS, undefined, { signal });
  } finally {
    await load.stop();
  }
  const { sent, failures } = await load.stop();
  const after = await look(check);
  const problems = [
    ...(failures.length > 0 ? [`${failures.length} of ${sent} requests failed, first: ${failures[0]}`] : []),
    ...sameProcess(clientSidecar.name, before.client, after.client),
    ...sameProcess(server.name, before.server, after.server),
    ...(after.handshakeSerial !== after.server.serial
      ? ['the handshake showed another serial than the sidecar tells']
      : []),
    ...(after.callerHash === before.callerHash ? [`${server.name} still sees the old certificate of its caller`] : []),
  ];
  if (problems.length > 0) throw new CheckFailed(problems.join('; '));
  return [
    `${sent} requests at ${REQUESTS_PER_SECOND}/s, 0 failed`,
    describe(clientSidecar.name, before.client, after.client),
    describe(server.name, before.server, after.server),
  ].join('; ');
}

interface Look {
  readonly client: SidecarStatus;
  readonly server: SidecarStatus;
  readonly handshakeSerial: string;
  /** Hash of the client's certificate as the server's application saw it. */
  readonly callerHash: string;
}

async function look({ client, clientSidecar, server, serverPort }: RotationCheck): Promise<Look> {
  const [clientStatus, serverStatus, handshakeSerial, header] = await Promise.all([
    clientSidecar.status(),
    server.status(),
    servedSerial(serverPort),
    callerAsSeenBy(server.name, client),
  ]);
  const callerHash = /(?:^|;)Hash=([0-9a-f]+)/.exec(header)?.[1] ?? '';
  return { client: clientStatus, server: serverStatus, handshakeSerial, callerHash };
}

function sameProcess(name: string, before: SidecarStatus, after: SidecarStatus): string[] {
  if (before.pid === after.pid && after.uptimeSeconds > before.uptimeSeconds) return [];
  return [`${name} has been restarted: process ${before.pid} became ${after.pid}`];
}

function describe(name: string, before: SidecarStatus, after: SidecarStatus): string {
  const serials = `${before.serial.slice(0, 8)}… -> ${after.serial.slice(0, 8)}…`;
  return `${name}: serial ${serials}, process ${after.pid} up ${before.uptimeSeconds} s -> ${after.uptimeSeconds} s`;
}
