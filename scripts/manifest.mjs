// `npm run manifest [-- --check]`: deploy/sidecert-sds.yaml, which is the chart with its defaults, for those without helm.
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { HELM } from './kubernetes/programs.mjs';
import { createProgress } from './setup/progress.mjs';
import { excerpt, run, SetupError } from './setup/run.mjs';
import { runScript } from './setup.mjs';

const FILE = 'deploy/sidecert-sds.yaml';

const HEAD = `# Citadel in the namespace istio-system, without helm. Written by \`npm run manifest\` from deploy/charts/sidecert.
#
#   kubectl apply -f ${FILE}
`;

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

/** What the chart gives for those who have no helm. */
export async function renderManifest(helm) {
  const settings = ['--set', 'createNamespace=true'];
  const args = ['template', 'sidecert', 'deploy/charts/sidecert', '--namespace', 'istio-system', ...settings];
  const { code, output } = await run(helm, args);
  if (code !== 0) throw new SetupError(`helm does not render the chart:\n${excerpt(output)}`);
  const documents = output
    .split(/^---$/m)
    .map((document) => document.replaceAll('managed-by: Helm', 'managed-by: kubectl').trim())
    .filter((document) => document !== '');
  // The namespace comes first in what helm prints already.
  return `${[HEAD.trimEnd(), ...documents].join('\n---\n')}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await runScript(async () => {
    const rendered = await renderManifest(`${await HELM.get(createProgress())}/helm`);
    if (!process.argv.includes('--check')) return writeFile(FILE, rendered);
    if ((await readFile(FILE, 'utf8')) !== rendered)
      throw new SetupError(`${FILE} is not that of the chart: npm run manifest`);
    return undefined;
  });
}
