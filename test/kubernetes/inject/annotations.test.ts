import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { annotationsReference, INJECT_OPTIONS, type OptionSpec } from '../../../src/config/index.js';
import { injectPod } from '../../../src/kubernetes/inject/index.js';
import { injectSettings } from '../../support/inject-settings.js';

/** build/test/kubernetes/inject → the project. */
const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));

const full = JSON.parse(readFileSync(`${ROOT}/docs/config-full.json`, 'utf8'))['kube-inject'];

const podWith = (annotations: Record<string, string>): object => ({
  metadata: { annotations },
  spec: { containers: [{ name: 'app' }] },
});

t.test('docs/reference/annotations.md is what the schemas say', async (t) => {
  t.equal(readFileSync(`${ROOT}/docs/reference/annotations.md`, 'utf8'), annotationsReference(), 'run "npm run docs"');
});

for (const { flag } of Object.values<OptionSpec<unknown>>(INJECT_OPTIONS)) {
  t.test(`the annotation ${flag} does what the flag does`, async (t) => {
    const key = flag.replace(/-([a-z])/g, (_, letter) => letter.toUpperCase());
    const texts = [full[key]].flat().map(String);
    // What only means something together with another one is given with that.
    const others = flag === 'app-port' ? { capture: 'none' } : {};
    const pairs = [...Object.entries(others), ...texts.map((text) => [flag, text] as const)];
    const flags = pairs.flatMap(([name, text]) => (flag === 'classic' ? [] : [`--${name}`, text]));
    const byFlag = injectPod(podWith({}), injectSettings(...flags), '1');
    const annotations = Object.fromEntries([...Object.entries(others), [flag, texts.join(', ')]]);
    const prefixed = Object.entries(annotations).map(([name, text]) => [`sidecert.dev/${name}`, text]);
    const byAnnotation = injectPod(podWith(Object.fromEntries(prefixed)), injectSettings(), '1');
    t.match(byFlag, { kind: 'changed' });
    const specs = [byFlag, byAnnotation].map((result) => (result.kind === 'changed' ? result.pod.spec : result));
    t.strictSame(specs[1], specs[0]);
  });
}

t.test('the default image of the agent is that of this version', async (t) => {
  const { version } = JSON.parse(readFileSync(`${ROOT}/package.json`, 'utf8'));
  t.ok(String(INJECT_OPTIONS.agentImage.default).endsWith(`:${version}`));
});
