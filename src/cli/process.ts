import { fstatSync, readFileSync } from 'node:fs';
import type { ConfigSources } from '../config/index.js';
import { splitNodeOptions } from '../system/platform/index.js';
import { whyUnreadable } from '../system/small-files/index.js';
import type { LogLevel } from '../telemetry/index.js';
import { LogFile } from './log-file.js';
import { LogLines } from './log-lines.js';

/**
 * Exit codes of the program. 2 is what shells and getopt use for a wrong command line; 3 is for what cannot be told.
 */
export const Exit = { ok: 0, failed: 1, usage: 2, unknown: 3 } as const;

export function print(text: string): void {
  process.stdout.write(text);
}

export function printError(text: string): void {
  process.stderr.write(text);
}

/** What takes the lines of the log, which go to stderr, and says when one is lost. */
export function logOutput(): (line: string, level: LogLevel) => unknown {
  const descriptor = process.stderr.fd;
  if (fstatSync(descriptor).isFile()) {
    const file = LogFile.of(descriptor);
    return (line) => file.writeLine(line);
  }
  const lines = new LogLines(printError);
  process.on('exit', () => lines.flush());
  return (line, level) => lines.add(line, level === 'warn' || level === 'error');
}

/**
 * Decides what becomes of output that cannot be written; to be called once, before there is any. Who has ceased to read
 * knows it, and a log without a reader must not end an agent that serves. What stdout was to hold and does not, because
 * the disk is full, say, is a failure.
 */
export function tolerateClosedOutput(): void {
  process.stderr.on('error', () => {});
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return;
    printError(`sidecert: stdout: ${error.message}\n`);
    process.exit(Exit.failed);
  });
}

/** Calls `act` when stdout has no reader any more. */
export function onReaderGone(act: () => void): void {
  process.stdout.on('error', act);
}

/** The only place that reads `process.env`. */
export function configSources(args: readonly string[]): ConfigSources {
  return {
    args,
    environment: process.env,
    files: {
      whyUnreadable,
      read: (path) => readFileSync(path),
    },
  };
}

/** Whether who reads a stream is a terminal, and does not ask for no colours. (no-color.org) */
export function hasColours({ isTTY }: { readonly isTTY?: boolean }): boolean {
  return isTTY === true && (process.env.NO_COLOR ?? '') === '';
}

/** What a text is wrapped at that is not for a terminal. */
const DEFAULT_COLUMNS = 80;

/** A terminal may say that it has none. */
const LEAST_COLUMNS = 40;

/** How wide a help text may be: what COLUMNS says, else the terminal, else 80. */
export function helpColumns(): number {
  const named = Number(process.env.COLUMNS);
  const columns = Number.isSafeInteger(named) && named > 0 ? named : (process.stdout.columns ?? DEFAULT_COLUMNS);
  return Math.max(columns, LEAST_COLUMNS);
}

/** What says where an API server of Kubernetes is: the kubelet sets two of them in every container. */
export function clusterEnvironment() {
  const { KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT, KUBECONFIG } = process.env;
  return { KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT, KUBECONFIG };
}

/** The options that this Node runs with, from its command line and from `NODE_OPTIONS`. */
export function nodeFlags(): readonly string[] {
  return [...process.execArgv, ...splitNodeOptions(process.env.NODE_OPTIONS ?? '')];
}
