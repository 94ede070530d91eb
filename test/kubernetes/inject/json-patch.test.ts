import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { parseAllDocuments } from 'yaml';
import { injectPod, jsonPatch, withoutInjection } from '../../../src/kubernetes/inject/index.js';
import { injectSettings } from '../../support/inject-settings.js';
import { patched } from '../../support/json-patch.js';

const GOLDEN = fileURLToPath(new URL('../../../../test/kubernetes/inject/golden/', import.meta.url));

t.test('a patch makes of one value the other', async (t) => {
  const cases: [unknown, unknown][] = [
    [{ a: 1 }, { a: 1 }],
    [{ a: 1 }, { b: [1, 2] }],
    [{ 'a/b~c': { d: null } }, { 'a/b~c': { e: true } }],
    [
      [1, 2],
      [1, 2, 3],
    ],
    [1, { a: 1 }],
    [
      [{ name: 'a', x: 1 }, { name: 'b' }],
      [{ name: 'new' }, { name: 'a', x: 2 }, { name: 'newer' }, { name: 'c' }],
    ],
    [[{ name: 'a' }, { name: 'b' }, { name: 'c' }], [{ name: 'c', x: {} }]],
    [
      [{ name: 'a' }, { name: 'b' }],
      [{ name: 'b' }, { name: 'a' }],
    ],
    [
      [{ name: 'a' }, { name: 'a' }],
      [{ name: 'a' }, { name: 'a', b: 1 }],
    ],
    [{ list: [{ x: { y: 1 } }, { z: 1 }] }, { list: [{ x: { y: 2 } }, { z: 1 }] }],
  ];
  for (const [before, after] of cases) {
    t.strictSame(patched(before, jsonPatch(before, after)), after, JSON.stringify([before, after]));
  }
});

t.test('what stays is not touched', async (t) => {
  const before = { list: [{ name: 'app', image: 'app' }], kept: { deep: [1] } };
  const after = { list: [{ name: 'agent' }, { name: 'app', image: 'other' }], kept: { deep: [1] }, more: 1 };
  t.strictSame(jsonPatch(before, after), [
    { op: 'replace', path: '/list/0/image', value: 'other' },
    { op: 'add', path: '/list/0', value: { name: 'agent' } },
    { op: 'add', path: '/more', value: 1 },
  ]);
});

t.test('an injection and its way back can be answered as patches', async (t) => {
  const [document] = parseAllDocuments(readFileSync(`${GOLDEN}probes.in.yaml`, 'utf8'));
  const pod = document?.toJS().spec.template;
  for (const flags of [[], ['--classic'], ['--capture', 'none', '--app-port', '80']]) {
    const result = injectPod(pod, injectSettings(...flags), '1.2.3');
    if (result.kind !== 'changed') throw new Error(JSON.stringify(result));
    const patch = jsonPatch(pod, result.pod);
    t.strictSame(patched(pod, patch), result.pod);
    t.strictSame(
      patch.filter(({ op, path }) => op === 'replace' && /^\/spec\/containers(\/\d+)?$/.test(path)),
      [],
      'containers of the application stay',
    );
    const back = withoutInjection(result.pod);
    if (back.kind !== 'changed') throw new Error(JSON.stringify(back));
    t.strictSame(back.pod, pod);
    t.strictSame(patched(result.pod, jsonPatch(result.pod, back.pod)), pod);
  }
});
