import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { plainSerial } from '../text/index.js';
import { DemoCluster } from './demo-cluster.js';
import { DemoNarrator } from './demo-narrator.js';
import { freePorts } from './free-ports.js';
import { PORTS_NEEDED, planDemo, socketProblem, type WorkloadPlan } from './plan.js';
import { Progress } from './progress.js';
import type { DemoRotation } from './rotation-line.js';
import { canInjectTokens } from './sidecars/envoy-version.js';
import { commandsToTry } from './things-to-try.js';

/**
 * Life of the certificates while a user watches: "about a minute", so a rotation every half minute per workload.
 * With `--once` that would take too long: 20 s make a rotation after 9 to 11 s.
 */
const TTL_SECONDS = { watched: 60, once: 20 };

/** ENVOY_PATH says with this word that there is to be no Envoy. */
const NO_ENVOY = 'none';

export interface DemoOptions {
  /** End after the checks. */
  readonly once: boolean;
  /** A real Envoy; without it, or with `none`, our stand-in takes its place. */
  readonly envoyPath: string | undefined;
  /** Who does the cryptography of Citadel and agents: their `--hot-path`. */
  readonly hotPath: string;
  /** How to run `sidecert`: program and leading arguments. */
  readonly sidecertCommand: readonly string[];
  /** Takes one line. */
  readonly out: (line: string) => void;
  readonly isTerminal: boolean;
  /** Ends the demo. */
  readonly signal: AbortSignal;
  /** Draws on the terminal without ending the line; without it there is no spinner. */
  readonly draw?: (text: string) => void;
}

/**
 * Plays service-to-service mutual TLS with certificates from SDS on this machine. Resolves with the exit code: 0 when
 * all checks held, 1 when one failed or something did not start. All processes and files that it made are gone by then.
 */
export async function runDemo(options: DemoOptions): Promise<number> {
  const { out, signal, once, hotPath, sidecertCommand } = options;
  const envoyPath = options.envoyPath === NO_ENVOY || options.envoyPath === '' ? undefined : options.envoyPath;
  const progress = new Progress({ out, draw: options.isTerminal ? options.draw : undefined, now: Date.now });
  const hasInjector = envoyPath !== undefined && (await canInjectTokens(envoyPath));
  const directory = await mkdtemp(join(tmpdir(), 'sidecert-'));
  const plan = planDemo(directory, await freePorts(PORTS_NEEDED), { hasInjector });
  const problem = socketProblem(plan);
  if (problem !== undefined) {
    progress.line(`FAIL  ${problem}`);
    await rm(directory, { recursive: true });
    return 1;
  }
  const cluster = new DemoCluster({
    directory,
    plan,
    envoyPath,
    hotPath,
    sidecertCommand,
    ttlSeconds: once ? TTL_SECONDS.once : TTL_SECONDS.watched,
    onTrouble: (line) => progress.line(`!     ${line}`),
    onRotation: (workload, rotation) => progress.line(rotationLine(workload, rotation)),
    now: Date.now,
  });
  const story = new DemoNarrator({ cluster, progress, signal, isReal: envoyPath !== undefined });
  try {
    await story.play();
    progress.line(summary(story, envoyPath !== undefined));
    if (!once && !signal.aborted) {
      const shown = { isReal: envoyPath !== undefined, processes: cluster.shownProcesses(), directory };
      const index = await cluster.startStatusIndex();
      for (const line of commandsToTry(cluster.plan, { ...shown, index })) progress.line(line);
      await aborted(signal);
    }
  } catch (error) {
    if (!signal.aborted) progress.line(`FAIL  ${explain(error)}`);
    return signal.aborted ? INTERRUPTED : 1;
  } finally {
    await progress.step('ending everything', () => story.close());
    await rm(directory, { recursive: true, force: true });
  }
  return story.failed.length === 0 ? 0 : 1;
}

function summary({ held, failed }: DemoNarrator, isReal: boolean): string {
  const sidecars = isReal ? 'real Envoys' : 'stand-ins for Envoy';
  if (failed.length === 0) return `all ${held} checks hold, with ${sidecars}`;
  return `${failed.length} of ${held + failed.length} checks failed, with ${sidecars}: ${failed.join(', ')}`;
}

/** 128 + SIGINT: what a shell reports of a program that Ctrl-C has ended before it was done. */
const INTERRUPTED = 130;

function rotationLine({ name }: WorkloadPlan, { isRenewal, serial, notAfter }: DemoRotation): string {
  const verb = isRenewal ? 'rotated' : 'issued';
  return `      ${name} ${verb}: serial ${plainSerial(serial).slice(0, 8)}…, valid until ${notAfter.slice(11, 19)} UTC`;
}

function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}\n      ${error.cause.message}` : error.message;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
