import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { injectManifests } from '../../../src/app/index.js';
import { injectSettings } from '../../support/inject-settings.js';
import { ACCEPTED, envoyArguments, validateEnvoy } from '../../support/injected-envoys.js';
import { realEnvoys } from '../../support/real-envoy.js';

/** build/test/kubernetes/inject → the project. */
const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));

const WAYS = [
  [],
  ['--token-source', 'stream'],
  ['--classic'],
  ['--inbound', 'permissive', '--tcp-inbound-ports', '5432'],
  ['--inbound', 'off', '--outbound-ports', '*'],
  ['--capture', 'iptables', '--ip-families', 'ipv4'],
  ['--capture', 'none', '--ip-families', 'ipv6'],
];

async function injected(text: string, ...args: readonly string[]): Promise<string> {
  const result = await injectManifests('sample', text, injectSettings(...args));
  if (result.kind !== 'done') throw new Error(JSON.stringify(result));
  return result.text;
}

async function uninjected(text: string): Promise<string> {
  const result = await injectManifests('sample', text, undefined);
  if (result.kind !== 'done') throw new Error(JSON.stringify(result));
  return result.text;
}

for (const sample of ['sleep', 'httpbin']) {
  const text = readFileSync(`${ROOT}/samples/${sample}/${sample}.yaml`, 'utf8');
  for (const args of WAYS) {
    t.test(`${sample} with ${args.join(' ') || 'defaults'} is taken back byte for byte`, async (t) => {
      const result = await injected(text, ...args);
      t.not(result, text);
      t.equal(await uninjected(result), text);
      t.equal(await injected(result, ...args), result, 'a second injection changes nothing');
    });
    for (const { name, path, skip } of realEnvoys()) {
      t.test(`${sample} with ${args.join(' ') || 'defaults'} suits ${name}`, { skip }, async (t) => {
        const envoys = envoyArguments(await injected(text, ...args));
        t.equal(envoys.length, 1);
        for (const envoy of envoys) t.equal(await validateEnvoy(path, envoy), ACCEPTED);
      });
    }
  }
}
