import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { parseAllDocuments } from 'yaml';
import { injectManifests } from '../../../src/app/index.js';
import { injectSettings } from '../../support/inject-settings.js';
import { ACCEPTED, envoyArguments, validateEnvoy } from '../../support/injected-envoys.js';
import { pythonYaml, readDocumentsAsYaml11 } from '../../support/python-yaml.js';
import { realEnvoys } from '../../support/real-envoy.js';

/** build/test/kubernetes/inject → the files as they are kept. */
const GOLDEN = fileURLToPath(new URL('../../../../test/kubernetes/inject/golden/', import.meta.url));

/** Writes what is expected, to be looked at before it is kept: `UPDATE_GOLDEN=1 node build/test/…`. */
const isUpdate = process.env.UPDATE_GOLDEN === '1';

/** Files in which an anchor, or a field that is null, cannot be put back as it was written. */
const NOT_BYTE_FOR_BYTE = ['kinds.in.yaml', 'merged.in.yaml'];

async function injected(text: string): Promise<{ text: string; notes: readonly string[] }> {
  const [, flags = ''] = /^# flags: (.*)$/m.exec(text) ?? [];
  const settings = injectSettings(...flags.split(' ').filter((flag) => flag !== ''));
  const result = await injectManifests('manifests', text, settings);
  if (result.kind !== 'done') throw new Error(result.problems.join('\n'));
  return result;
}

async function uninjected(text: string): Promise<string> {
  const result = await injectManifests('manifests', text, undefined);
  if (result.kind !== 'done') throw new Error(result.problems.join('\n'));
  return result.text;
}

/** As Kubernetes reads it. */
function parsed(text: string): unknown[] {
  return parseAllDocuments(text, { version: '1.1' }).map((document) => document.toJS());
}

/** The same where a field that is null is one that is not there. */
function valuesOf(text: string): unknown[] {
  const withoutNulls = (_: string, value: unknown): unknown => value ?? undefined;
  return parsed(text).map((value) => JSON.parse(JSON.stringify(value, withoutNulls) ?? 'null'));
}

for (const name of readdirSync(GOLDEN).filter((file) => file.includes('.in.'))) {
  const input = readFileSync(GOLDEN + name, 'utf8');
  const outFile = GOLDEN + name.replace('.in.', '.out.');

  t.test(`${name} becomes what is kept beside it`, async (t) => {
    const result = await injected(input);
    const notes = result.notes.map((note) => `# note: ${note}\n`).join('');
    const kept = name.endsWith('.json') ? result.text : result.text + notes;
    if (isUpdate) writeFileSync(outFile, kept);
    t.equal(kept, readFileSync(outFile, 'utf8'));
  });

  t.test(`${name} is what it was when the injection is taken out again`, async (t) => {
    const { text } = await injected(input);
    const back = await uninjected(text);
    t.strictSame(valuesOf(back), valuesOf(input));
    t.equal(back === input, !NOT_BYTE_FOR_BYTE.includes(name), 'byte for byte');
    t.equal((await injected(text)).text, text, 'and a second injection changes nothing');
  });

  t.test(`${name} says the same to another reader of YAML`, { skip: pythonYaml().skip }, async (t) => {
    t.strictSame(await readDocumentsAsYaml11(outFile), parsed((await injected(input)).text));
  });

  for (const { name: which, path, skip } of realEnvoys()) {
    t.test(`${which} takes each bootstrap of ${name}`, { skip }, async (t) => {
      const envoys = envoyArguments((await injected(input)).text);
      t.ok(envoys.length > 0);
      const different = new Map(envoys.map((args) => [args.join(' '), args]));
      for (const args of different.values()) t.equal(await validateEnvoy(path, args), ACCEPTED);
    });
  }
}
