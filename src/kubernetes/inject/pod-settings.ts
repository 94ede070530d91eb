import {
  ANNOTATION_PREFIX,
  INJECT_OPTIONS,
  type InjectSettings,
  injectProblems,
  type OptionSpec,
} from '../../config/index.js';
import { STATUS_ANNOTATION } from './names.js';
import type { Pod } from './pod.js';
import { gotExpected, type PodProblem } from './pod-shape.js';

const KEY_OF_FLAG = new Map(Object.entries(INJECT_OPTIONS).map(([key, option]) => [option.flag, key]));

/** None of the settings asks for a file. */
const NO_FILES = { whyUnreadable: () => undefined };

/** The settings of one pod: those of all, with what its annotations say instead. */
export function settingsOf(
  pod: Pod,
  settings: InjectSettings,
): { readonly settings: InjectSettings; readonly problems: readonly PodProblem[] } {
  const problems: PodProblem[] = [];
  const own: Record<string, unknown> = {};
  for (const [name, text] of Object.entries(pod.metadata?.annotations ?? {})) {
    if (!name.startsWith(ANNOTATION_PREFIX) || name === STATUS_ANNOTATION) continue;
    const key = KEY_OF_FLAG.get(name.slice(ANNOTATION_PREFIX.length));
    const option: OptionSpec<unknown> | undefined = Object.entries(INJECT_OPTIONS).find(
      ([known]) => known === key,
    )?.[1];
    const field = `metadata.annotations[${JSON.stringify(name)}]`;
    if (key === undefined || option === undefined) {
      problems.push({
        field,
        text: `got an unknown annotation, expected one of ${[...KEY_OF_FLAG.keys()].join(', ')}`,
      });
    } else {
      own[key] = settingOf(option, text, field, problems);
    }
  }
  const merged = { ...settings, ...own };
  if (problems.length === 0) {
    problems.push(...injectProblems(merged).map((text) => ({ field: 'metadata.annotations', text })));
  }
  return { settings: merged, problems };
}

/** A list has its values separated by commas, spaces or lines. */
function settingOf({ kind, shape }: OptionSpec<unknown>, text: string, field: string, problems: PodProblem[]): unknown {
  const texts = shape === 'list' ? text.split(/[\s,]+/).filter((part) => part !== '') : [text.trim()];
  const values = texts.map((one) => {
    const value = kind.parse(one, NO_FILES);
    if (value === undefined) problems.push({ field, text: gotExpected(kind.shown?.(one) ?? one, kind.expected) });
    return value;
  });
  return shape === 'list' ? values : values[0];
}
