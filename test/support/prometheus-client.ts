import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const VERSION = '0.26.0';

/** build/test/support/ → the project. */
const CACHE = fileURLToPath(new URL('../../../.cache/prometheus-client', import.meta.url));

/** Reads the text of standard input and prints what it understood. Unlike a scraper it stops at what it does not. */
const READER = `
import json, sys
from prometheus_client.parser import text_string_to_metric_families
families = text_string_to_metric_families(sys.stdin.read())
print(json.dumps([[f.name, f.type, f.documentation, [[s.name, s.labels, repr(float(s.value))] for s in f.samples]] for f in families]))
`;

/** One metric with its samples: name, labels, value as Python writes it. */
export type PrometheusFamily = readonly [
  name: string,
  type: string,
  help: string,
  samples: readonly (readonly [name: string, labels: Readonly<Record<string, string>>, value: string])[],
];

/** Prometheus' own client for Python as a judge of our text; or the reason why it cannot be had. */
export function prometheusClient(): { skip: string | false; read(text: string): readonly PrometheusFamily[] } {
  const home = join(CACHE, VERSION);
  const read = (text: string): readonly PrometheusFamily[] =>
    JSON.parse(run(['-c', READER], { PYTHONPATH: home, input: text }));
  try {
    read('');
    return { skip: false, read };
  } catch {
    return { skip: install(home), read };
  }
}

/** False when it is there now. Another process may do the same at the same time, so it is put in place whole. */
function install(home: string): string | false {
  mkdirSync(CACHE, { recursive: true });
  const work = mkdtempSync(join(CACHE, 'download-'));
  try {
    const pip = [
      '-m',
      'pip',
      'install',
      '--quiet',
      '--disable-pip-version-check',
      '--no-deps',
      '--only-binary',
      ':all:',
    ];
    run([...pip, '--target', join(work, 'found'), `prometheus-client==${VERSION}`]);
    renameSync(join(work, 'found'), home);
    return false;
  } catch (error) {
    return `prometheus-client ${VERSION} is not to be had: ${String(error).split('\n')[0]}`;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function run(args: readonly string[], { input = '', PYTHONPATH = '' } = {}): string {
  return execFileSync('python3', args, {
    input,
    encoding: 'utf8',
    env: { ...process.env, PYTHONPATH },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}
