import { writeFile } from 'node:fs/promises';
import { reserveDescriptors } from '../system/platform/index.js';
import { Fleet } from './fleet.js';
import type { FleetObserver, FleetOptions } from './fleet-options.js';
import { requireOpenFiles } from './open-file-limit.js';
import { PingProbe } from './ping/ping-probe.js';
import { type FleetReport, reportOf } from './report/fleet-report.js';
import { socketsKindOf } from './sockets/open-sockets.js';
import { requireListener } from './sockets/require-listener.js';
import { readToken, readTokens } from './tokens.js';

/** Quiet connections, and how often one of them is asked. */
const PING = { connections: 8, periodMs: 4, reportPeriodMs: 100 };

export interface FleetDependencies {
  readonly observer: FleetObserver;
  /** Ends the run early; what has been measured is reported. */
  readonly signal: AbortSignal;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly random: () => number;
}

/** What a run leaves. */
export interface FleetRun {
  readonly report: FleetReport;
  /** The report as a page with charts. */
  html(): Promise<string>;
}

/**
 * Runs a fleet to its end.
 * @throws IdentityError `ERR_CONFIG_INVALID`: tokens that cannot be read, a limit of open files that is too low, or a
 *   socket that without a listener; and, where `hotPath` is `native`, whatever tells why the addon does not load.
 */
export async function runFleet(options: FleetOptions, surroundings: FleetDependencies): Promise<FleetRun> {
  const { observer, signal, now, random } = surroundings;
  const files = requireOpenFiles(options.envoys * (options.connections === 'per-stream' ? options.streams.length : 1));
  const socketsKind = socketsKindOf(options.hotPath);
  if (socketsKind === 'addon') reserveDescriptors(files);
  const tokens = await tokensOf(options);
  await requireListener(options.socket);
  const ping = new PingProbe({ socketPath: options.socket, ...PING });
  await ping.ready;
  const fleet = new Fleet(options, tokens, observer, { now, random, ping, socketsKind });
  const stop = (): void => void fleet.stop('stopped');
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  const outcome = await fleet.done;
  signal.removeEventListener('abort', stop);
  const report = reportOf(fleet, options, outcome, new Date(now()));
  return {
    report,
    async html() {
      const { htmlReport } = await import('./report/html-report.js');
      return htmlReport(report, fleet);
    },
  };
}

/** Writes the files that were asked for. */
export async function writeReports(run: FleetRun, files: { json: string | undefined; html: string | undefined }) {
  if (files.json !== undefined) await writeFile(files.json, `${JSON.stringify(run.report, undefined, 2)}\n`);
  if (files.html !== undefined) await writeFile(files.html, await run.html());
}

async function tokensOf({ tokensDirectory, tokenFile, envoys }: FleetOptions): Promise<string[]> {
  if (tokensDirectory !== undefined) return readTokens(tokensDirectory, envoys);
  return tokenFile === undefined ? [] : [await readToken(tokenFile)];
}
