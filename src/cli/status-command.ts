import { setTimeout as sleep } from 'node:timers/promises';
import type { StatusConfig } from '../config/index.js';
import { askStatus, Style, shownStatus, statusProblems } from '../explain/index.js';
import { redact } from '../telemetry/index.js';
import { ENDING_SIGNALS } from './ending-signals.js';
import { Exit, hasColours, onReaderGone, print, printError } from './process.js';

/** A page is made within milliseconds; a process that takes longer is itself the news. */
const TIMEOUT_MS = 5000;

/** Between two questions of `--watch`. */
const WATCH_MS = 2000;

/** Clears a terminal and goes to its first column. (ECMA-48 §8.3.39, §8.3.21) */
const CLEAR = '\u001b[2J\u001b[H';

/** `sidecert status`. Resolves with the exit code; of `--watch`, with that of the last answer. */
export async function runStatus(config: StatusConfig): Promise<number> {
  if (!config.isWatching) return showOnce(config);
  const stop = new AbortController();
  for (const signal of ENDING_SIGNALS) process.once(signal, () => stop.abort());
  onReaderGone(() => stop.abort());
  let code: number = Exit.ok;
  while (!stop.signal.aborted) {
    code = await showOnce(config);
    await sleep(WATCH_MS, undefined, { signal: stop.signal }).catch(() => {});
  }
  return code;
}

async function showOnce({ statusAddress, output, isWatching }: StatusConfig): Promise<number> {
  const reply = await askStatus(statusAddress, TIMEOUT_MS);
  if (reply.kind === 'failed') {
    printError(`sidecert status: ${redact(reply.reason)}: ${reply.advice}\n`);
    return Exit.failed;
  }
  const nowMs = Date.now();
  if (output === 'json') print(`${JSON.stringify(reply.document, undefined, isWatching ? undefined : 2)}\n`);
  else {
    const { isTTY } = process.stdout;
    const style = new Style(hasColours(process.stdout));
    const head = !isWatching ? '' : isTTY ? CLEAR : '\n';
    print(`${head}${redact(shownStatus(reply.document, nowMs, style).join('\n'))}\n`);
  }
  return statusProblems(reply.document, nowMs).length === 0 ? Exit.ok : Exit.failed;
}
