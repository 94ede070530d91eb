import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { parse } from 'yaml';
import { renderBootstrap } from '../../src/app/index.js';
import { COMMANDS, readConfig } from '../../src/config/index.js';
import { bootstrapArguments } from '../support/bootstrap-arguments.js';
import { accepted, validate } from '../support/envoy-validate.js';
import { seededRandom } from '../support/prng.js';
import { pythonYaml, readAsYaml11 } from '../support/python-yaml.js';
import { realEnvoys } from '../support/real-envoy.js';

/** Few in `npm test`, where each costs an Envoy of each version a tenth of a second; as many as wanted by hand. */
const CASES = Number(process.env.BOOTSTRAP_CASES ?? 30);
const SEED = Number(process.env.BOOTSTRAP_SEED ?? 16);

const AT_ONCE = 2;

/** Tap's own limit is for the few. */
const PATIENCE = { timeout: 30_000 + 4000 * CASES };

const files = { whyUnreadable: () => undefined, read: () => Buffer.alloc(0) };

interface Case {
  readonly args: readonly string[];
  readonly file: string;
  /** The injector of tokens came with Envoy 1.37. */
  readonly isForOldest: boolean;
}

/** Sets of options that `sidecert bootstrap` accepts, each with the file that it prints. */
async function acceptedCases(directory: string): Promise<{ cases: Case[]; drawn: number }> {
  const random = seededRandom(SEED);
  const cases: Case[] = [];
  let drawn = 0;
  for (; cases.length < CASES; drawn += 1) {
    const tokenSecretFile = join(directory, `${cases.length}.token.yaml`);
    const args = bootstrapArguments(random, tokenSecretFile);
    const result = readConfig(COMMANDS.bootstrap, { args, environment: {}, files });
    if (result.kind !== 'ok') continue;
    const file = join(directory, `${cases.length}.yaml`);
    await writeFile(file, await renderBootstrap(result.config));
    await writeFile(tokenSecretFile, await renderBootstrap({ ...result.config, print: 'token-secret' }));
    cases.push({ args, file, isForOldest: result.config.tokenBy !== 'injector' });
  }
  return { cases, drawn };
}

t.setTimeout(PATIENCE.timeout);
t.test(`${CASES} accepted sets of options, drawn with seed ${SEED}`, PATIENCE, async (t) => {
  const { cases, drawn } = await acceptedCases(t.testdir());
  t.ok(drawn < 10 * CASES, `${drawn} sets were drawn: most of what is drawn is to be accepted`);

  const { skip } = pythonYaml();
  t.test('a reader of YAML 1.1 takes each as one of YAML 1.2 does', { ...PATIENCE, skip }, async (t) => {
    const read = await readAsYaml11(cases.map(({ file }) => file));
    for (const [index, { args, file }] of cases.entries()) {
      t.strictSame(read[index], parse(await readFile(file, 'utf8')), `set ${index}`, { args });
    }
  });

  for (const { name, path, skip } of realEnvoys()) {
    t.test(`${name} would start with each`, { ...PATIENCE, skip }, async (t) => {
      const due = [...cases.entries()].filter(([, { isForOldest }]) => isForOldest || name !== 'the oldest Envoy');
      const judge = async (): Promise<void> => {
        for (let next = due.shift(); next !== undefined; next = due.shift()) {
          const [index, { args, file }] = next;
          t.match(await validate(path, file), accepted(file), `set ${index}`, { args });
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, judge));
    });
  }
});
