import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { parseAllDocuments, stringify } from 'yaml';
import { injectManifests } from '../../../src/app/index.js';
import { injectSettings } from '../../support/inject-settings.js';
import { seededRandom } from '../../support/prng.js';

/** Few in `npm test`; as many as wanted by hand. */
const CASES = Number(process.env.MANIFEST_CASES ?? 40);
const SEED = Number(process.env.MANIFEST_SEED ?? 1);

const SETTINGS = injectSettings('--inbound', 'off', '--outbound-ports', '9000');

const SAMPLE = readFileSync(
  fileURLToPath(new URL('../../../../samples/httpbin/httpbin.yaml', import.meta.url)),
  'utf8',
);

type Random = () => number;

const pick = <T>(random: Random, values: readonly T[]): T => {
  const value = values[Math.floor(random() * values.length)];
  if (value === undefined) throw new Error('nothing to pick from');
  return value;
};

const maybe = (random: Random, fields: object): object => (random() < 0.5 ? fields : {});

/** A container that is injected into a pod or not, with what an injection looks at. */
function container(random: Random, name: string): object {
  return {
    name,
    image: pick(random, ['app', 'a:1', 'yes', '012']),
    ...maybe(random, { args: pick(random, [[], ['a', 'b'], ['- x', '# y', 'z: ']]) }),
    ...maybe(random, { env: [{ name: 'TEXT', value: pick(random, ['on', '1_000', 'a\nb\n', "it's", '']) }] }),
    ...maybe(random, { ports: [{ containerPort: 8080, name: 'http' }] }),
    ...maybe(random, { readinessProbe: { tcpSocket: { port: 8080 } } }),
    ...maybe(random, { lifecycle: pick(random, [{}, { preStop: { exec: { command: ['true'] } } }]) }),
  };
}

function workload(random: Random): object {
  const template = {
    ...maybe(random, {
      metadata: pick(random, [{}, { labels: { app: 'a' } }, { annotations: {} }, { annotations: { a: 'b' } }]),
    }),
    spec: {
      ...maybe(random, { initContainers: pick(random, [[], [container(random, 'first')]]) }),
      containers: [container(random, 'app'), ...(random() < 0.3 ? [container(random, 'second')] : [])],
      ...maybe(random, { volumes: pick(random, [[], [{ name: 'own', emptyDir: {} }]]) }),
      ...maybe(random, { terminationGracePeriodSeconds: pick(random, [0, 1, 30]) }),
    },
  };
  const meta = { metadata: { name: 'w' } };
  return pick(random, [
    { apiVersion: 'v1', kind: 'Pod', ...meta, ...template },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      ...meta,
      spec: { replicas: 1, template, ...maybe(random, { paused: true }) },
    },
    {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      ...meta,
      spec: { jobTemplate: { spec: { template } }, schedule: '* * * * *' },
    },
    { apiVersion: 'v1', kind: 'ConfigMap', ...meta, data: { a: 'b' } },
  ]);
}

/** The same value in one of the many ways in which people and programs write YAML. */
function written(random: Random, value: object): string {
  if (random() < 0.15) return JSON.stringify(value, null, pick(random, [0, 2, 4]));
  const text = stringify(value, {
    indent: pick(random, [2, 2, 4]),
    indentSeq: random() < 0.5,
    collectionStyle: random() < 0.15 ? 'flow' : 'any',
    defaultStringType: pick(random, ['PLAIN', 'PLAIN', 'QUOTE_SINGLE', 'QUOTE_DOUBLE']),
    defaultKeyType: 'PLAIN',
    compat: 'yaml-1.1',
    lineWidth: pick(random, [0, 40]),
    aliasDuplicateObjects: false,
  });
  return text;
}

/** Comments and blank lines before lines that begin a field or an item in a block. */
function withComments(random: Random, text: string): string {
  const isBlock = /^\s*(- )?[\w.-]+:( |$)/;
  const lines = text.split('\n').map((line) => {
    const indent = ' '.repeat(line.length - line.trimStart().length);
    return isBlock.test(line) && random() < 0.1 ? `${indent}# comment ${Math.floor(random() * 1e6)}\n${line}` : line;
  });
  return lines.join('\n');
}

function manifestFile(random: Random): string {
  const documents = Array.from({ length: 1 + Math.floor(random() * 3) }, () => {
    const list = { apiVersion: 'v1', kind: 'List', items: [workload(random), workload(random)] };
    return written(random, random() < 0.2 ? list : workload(random)).trimEnd();
  });
  // In a literal text a comment would be a line of it, and in a folded one its end.
  const text = documents.join('\n---\n');
  const isCommented = random() < 0.5 && !/[|>][-+]?\d?$/m.test(text) && !text.includes('{') && !/["']$/m.test(text);
  const ended = (isCommented ? withComments(random, text) : text) + pick(random, ['', '\n', '\n\n']);
  return random() < 0.2 ? ended.replaceAll('\n', '\r\n') : ended;
}

function valuesOf(text: string): unknown[] {
  return parseAllDocuments(text, { version: '1.1' }).map((document) => document.toJS());
}

const commentsOf = (text: string): string[] => [...text.matchAll(/# comment \d+/g)].map(([comment]) => comment);

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

async function done(text: string, isInjection: boolean): Promise<string> {
  const result = await injectManifests('random', text, isInjection ? SETTINGS : undefined);
  if (result.kind !== 'done') throw new Error(`${result.problems.join('\n')}\n${text}`);
  return result.text;
}

t.test(`${CASES} manifests of seed ${SEED}, however written, are injected and come back`, async (t) => {
  const random = seededRandom(SEED);
  const inexact: string[] = [];
  for (let index = 0; index < CASES; index += 1) {
    const text = manifestFile(random);
    const injected = await done(text, true);
    const back = await done(injected, false);
    if (back !== text) inexact.push(`${index}: ${JSON.stringify(text)}\n${JSON.stringify(back)}`);
    const values = valuesOf(text);
    t.strictSame(valuesOf(back), values, `case ${index}`);
    t.strictSame(commentsOf(injected), commentsOf(text), `comments of case ${index}`);
    t.equal(await done(injected, true), injected, `case ${index}, twice`);
    t.equal(isJson(injected), isJson(text), `JSON stays JSON in case ${index}`);
  }
  t.strictSame(inexact, [], 'byte for byte');
});

t.test('whatever is done to a manifest, it is injected or refused', async (t) => {
  const random = seededRandom(SEED);
  const pieces = [
    '\n',
    ' ',
    '  ',
    ':',
    '- ',
    '{',
    '}',
    '[',
    ']',
    '&a ',
    '*a',
    '"',
    "'",
    '|',
    '#',
    '---\n',
    '\t',
    '<<: ',
    '!!str ',
    '\0',
    '…',
  ];
  const kinds = new Set<string>();
  for (let index = 0; index < CASES * 4; index += 1) {
    let text = random() < 0.5 ? SAMPLE : manifestFile(random);
    for (let edits = 1 + Math.floor(random() * 6); edits > 0; edits -= 1) {
      const at = Math.floor(random() * text.length);
      text = text.slice(0, at) + pick(random, ['', ...pieces]) + text.slice(at + Math.floor(random() * 12));
    }
    const result = await injectManifests('random', text, SETTINGS);
    kinds.add(result.kind);
    if (result.kind !== 'done') continue;
    const back = await injectManifests('random', result.text, undefined);
    if (back.kind !== 'done') t.fail(`case ${index}: ${JSON.stringify(text)}: ${back.problems}`);
  }
  t.strictSame([...kinds].sort(), ['done', 'invalid']);
});
