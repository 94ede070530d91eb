import { spawnSync } from 'node:child_process';
import { IstioMetric } from '../../src/telemetry/index.js';

/** A program to judge metrics by, besides the rules below. */
export const { PROMTOOL_PATH: PROMTOOL = 'none' } = process.env;

/** What times and sizes are told in. */
const BASE_UNITS = ['seconds', 'bytes'];

const OTHER_UNITS =
  /^((pico|nano|micro|milli|kilo|kibi|mega|mebi|giga|gibi|tera|tebi)(seconds|bytes)|(milli)?(minutes|hours|days|weeks|bits))$/;

/** As parts of a name. */
const ABBREVIATIONS = ['s', 'ms', 'us', 'ns', 'sec', 'b', 'kb', 'mb', 'gb', 'tb', 'pb', 'm', 'h', 'd'];

const KINDS = ['counter', 'gauge', 'histogram', 'summary'];

interface Family {
  readonly name: string;
  readonly help: string;
  readonly kind: string;
  readonly labels: readonly string[];
}

/**
 * What is wrong with the metrics of a page: by rules of our own, which are those of `promtool check metrics` and some
 * more, and by promtool itself where there is one.
 */
export function metricProblems(text: string): string[] {
  const families = familiesOf(text).filter(({ name }) => !ISTIO_NAMES.has(name));
  return [...families.flatMap(problemsOf), ...promtoolProblems(text)];
}

/** Names that are not ours to choose: they end in _count, and promtool may say so, but nothing else of them. */
const ISTIO_NAMES: ReadonlySet<string> = new Set(Object.values(IstioMetric).map(({ name }) => name));
const ISTIO_LINT = new RegExp(
  `^(${[...ISTIO_NAMES].join('|')}) (counter metrics should have "_total" suffix|non-histogram and non-summary metrics should not have "_count" suffix)$`,
);

/** With which promtool ends when it can read all, and has something to say of it. */
const LINTED = 3;

/** The complaints of promtool; none without it. */
export function promtoolProblems(text: string): string[] {
  if (!hasPromtool) return [];
  const { status, stdout, stderr, error } = spawnSync(PROMTOOL, ['check', 'metrics'], {
    input: text,
    encoding: 'utf8',
  });
  if (error !== undefined) throw error;
  const lines = `${stdout}${stderr}`.split('\n').filter((line) => line !== '');
  const said = lines.filter((line) => !ISTIO_LINT.test(line));
  const isOfIstioAlone = status === LINTED && said.length === 0 && lines.length > 0;
  return status === 0 || isOfIstioAlone ? said : [`promtool ended with ${status}`, ...said];
}

/** Whether promtool judges, too. */
export const hasPromtool = PROMTOOL !== 'none';

function familiesOf(text: string): Family[] {
  const blocks = text.split(/^(?=# HELP )/m).filter((block) => block !== '');
  return blocks.map((block) => {
    const [, name = '', help = ''] = /^# HELP (\S+) ?(.*)$/m.exec(block) ?? [];
    const [, kind = ''] = /^# TYPE \S+ (\w+)$/m.exec(block) ?? [];
    const series = block.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    const labels = series.flatMap((line) =>
      [...line.matchAll(/[{,]([^="{},]+)="(?:[^"\\]|\\.)*"/g)].map(([, label = '']) => label),
    );
    return { name, help, kind, labels: [...new Set(labels)] };
  });
}

function problemsOf({ name, help, kind, labels }: Family): string[] {
  const isTotal = name.endsWith('_total');
  const parts = name.replace(/_total$/, '').split('_');
  const isHistogram = kind === 'histogram';
  const rules: readonly (readonly [boolean, string])[] = [
    [/^(sidecert|process)_[a-z0-9_]+$/.test(name), 'a name of a-z, 0-9 and _ that begins with sidecert_ or process_'],
    [/^[A-Z].*\.$/.test(help), 'a help text that is a sentence'],
    [KINDS.includes(kind), `a kind of ${KINDS.join(', ')}`],
    [isTotal === (kind === 'counter'), 'the end _total for counters, and for them alone'],
    [!/_(bucket|count|sum)$/.test(name), 'no end that series of a histogram have'],
    [!parts.some((part) => KINDS.includes(part)), 'no kind in its name'],
    [!parts.some((part) => OTHER_UNITS.test(part)), `units of ${BASE_UNITS.join(', ')} alone`],
    [!parts.some((part) => ABBREVIATIONS.includes(part)), 'no abbreviated unit'],
    [!parts.slice(0, -1).some((part) => BASE_UNITS.includes(part)), 'its unit at its end'],
    [labels.every((label) => /^[a-z][a-z0-9_]*$/.test(label)), 'labels of a-z, 0-9 and _'],
    [isHistogram || !labels.includes('le'), 'the label le for histograms alone'],
    [!labels.includes('quantile'), 'no label quantile, which is that of summaries'],
  ];
  return rules.flatMap(([holds, expected]) => (holds ? [] : [`${name}: expected ${expected}`]));
}
