// Preloaded into tap's runner when no coverage is wanted: the tests, and what they start, then run without the module by
// which tap follows each process for its coverage. That costs each process 0.2 s of CPU, hooks every import in a thread of
// its own, and changes what is tested: an agent had an inspector, source maps and a further thread.
import { ChildProcess } from 'node:child_process';

/** As tap adds it to the arguments and to NODE_OPTIONS, there in quotes. */
const PROCESS_INFO = /"?--import=\S+\/@tapjs\/processinfo\/[^\s"]+"?/;
const NODE_OPTIONS = 'NODE_OPTIONS=';

/** Pure: what a process is started with, without it; what else is in NODE_OPTIONS stays. */
export function withoutProcessInfo({ args, envPairs }) {
  return {
    args: args.filter((arg) => !PROCESS_INFO.test(arg)),
    envPairs: envPairs
      .map((pair) =>
        pair.startsWith(NODE_OPTIONS) ? pair.replace(PROCESS_INFO, '').replace(/= | $/, (blank) => blank.trim()) : pair,
      )
      .filter((pair) => pair !== NODE_OPTIONS),
  };
}

const { spawn } = ChildProcess.prototype;
ChildProcess.prototype.spawn = function (options) {
  return spawn.call(this, { ...options, ...withoutProcessInfo(options) });
};
