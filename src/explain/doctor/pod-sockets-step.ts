import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { judgeDirectory, readPodToken } from '../../agent/pod-sockets/index.js';
import { messageOf } from '../../errors/index.js';
import { type Finding, Step } from './finding.js';

/** As many pods as a node has problems that a person reads one by one. */
const MAX_TOLD = 10;

const step = new Step('pod-sockets');

/** Whether the pods below a directory of `--pod-sockets` can be served: who may write there, and their tokens. */
export async function examinePodSockets(directory: string, now: () => number): Promise<Finding[]> {
  let names: string[];
  try {
    await judgeDirectory(directory);
    names = (await readdir(directory)).filter((name) => !name.startsWith('.'));
  } catch (error) {
    return [step.fail(messageOf(error), 'the agent ends at its start: what may write there says who pods are')];
  }
  const problems: string[] = [];
  for (const name of names) {
    try {
      await judgeDirectory(join(directory, name));
      (await readPodToken(join(directory, name), name, now)).fill(0);
    } catch (error) {
      problems.push(messageOf(error));
    }
  }
  const advice =
    'the pod is not served until its directory has its own token, and only root and the agent may write there';
  const told = problems.slice(0, MAX_TOLD).map((problem) => step.warn(problem, advice));
  return [
    ...told,
    step.ok(`${directory}: ${names.length} pods, ${names.length - problems.length} with a usable token`),
  ];
}
