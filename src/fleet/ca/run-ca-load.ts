import { readFile, writeFile } from 'node:fs/promises';
import { IdentityError, messageOf } from '../../errors/index.js';
import { TrustBundle } from '../../pki/spiffe/index.js';
import { requireOpenFiles } from '../open-file-limit.js';
import { CaLoad } from './ca-load.js';
import type { CaLoadObserver, CaLoadOptions } from './ca-load-options.js';
import { type CaLoadReport, caLoadReport } from './ca-load-report.js';
import { callerMaterial } from './caller-material.js';

export interface CaLoadDependencies {
  readonly observer: CaLoadObserver;
  /** Ends the run early; what has been measured is reported. */
  readonly signal: AbortSignal;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly random: () => number;
}

/**
 * Loads a CA, and resolves when the last request is over.
 * @throws IdentityError `ERR_CONFIG_INVALID`: tokens or roots that cannot be read, or a limit of open files that is
 *   too low; and, where `hotPath` is `native`, whatever tells why the addon does not load.
 */
export async function runCaLoad(options: CaLoadOptions, dependencies: CaLoadDependencies): Promise<CaLoadReport> {
  const { observer, signal, now, random } = dependencies;
  const { ca, connections, concurrency, hasNewConnections } = options;
  requireOpenFiles(connections + (hasNewConnections ? concurrency : 0));
  const { address, rootFile, serverName } = ca;
  const target = { address, serverName, rootPem: rootFile === undefined ? undefined : await readRoots(rootFile) };
  const material = await callerMaterial(options);
  const load = new CaLoad(options, { target, material, observer, now, random });
  const stop = (): void => load.stop();
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  try {
    const outcome = await load.done;
    return caLoadReport(load, options, outcome, new Date(now()));
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** All connections would fail by roots that are none, one after the other. */
async function readRoots(path: string): Promise<Buffer> {
  try {
    const pem = await readFile(path);
    TrustBundle.parsePem(pem);
    return pem;
  } catch (error) {
    throw new IdentityError('ERR_CONFIG_INVALID', `--ca-root: ${path}: ${messageOf(error)}`, { cause: error });
  }
}

/** Writes the files that were asked for. */
export async function writeCaLoadReports(
  report: CaLoadReport,
  address: string,
  files: { readonly json: string | undefined; readonly html: string | undefined },
): Promise<void> {
  if (files.json !== undefined) await writeFile(files.json, `${JSON.stringify(report, undefined, 2)}\n`);
  if (files.html === undefined) return;
  const { caLoadPage } = await import('./ca-load-page.js');
  await writeFile(files.html, caLoadPage(report, address));
}
