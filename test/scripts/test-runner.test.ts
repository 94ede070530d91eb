import { rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import t, { type Test } from 'tap';

/** Scripts run before anything is built, so they are plain JavaScript beside the sources. */
const scripts = new URL('../../../scripts/setup/', import.meta.url);
const { RUNNER_STEP, STEPS } = await import(new URL('dependencies.mjs', scripts).href);
const { run } = await import(new URL('run.mjs', scripts).href);

/** A project whose tap writes its runner into its own package, as the real one does. The test runs inside it. */
async function project(t: Test): Promise<string> {
  const directory = t.testdir({ '.taprc': 'plugin: []', 'package-lock.json': '{}' });
  const before = process.cwd();
  process.chdir(directory);
  t.teardown(() => process.chdir(before));
  await install();
  return directory;
}

async function install(): Promise<void> {
  rmSync('node_modules', { recursive: true, force: true });
  await run('mkdir', ['-p', 'node_modules/tap/dist/esm', 'node_modules/@tapjs/test/test-built']);
  await writeFile(
    'node_modules/tap/dist/esm/run.mjs',
    `import { mkdirSync, writeFileSync } from 'node:fs';
     mkdirSync('.tap/plugins', { recursive: true });
     writeFileSync('node_modules/@tapjs/test/test-built/index.js', '');`,
  );
}

t.test('the test runner is built once', async (t) => {
  await project(t);
  t.notOk(await RUNNER_STEP.isDone());
  await RUNNER_STEP.work();
  t.ok(await RUNNER_STEP.isDone());
});

t.test('a reinstall of the packages, which resets the test runner, makes its step due again', async (t) => {
  await project(t);
  await RUNNER_STEP.work();
  await install();
  t.notOk(await RUNNER_STEP.isDone());
});

t.test('a project that was moved or copied builds its test runner anew', async (t) => {
  const directory = await project(t);
  await RUNNER_STEP.work();
  await run('cp', ['-r', directory, `${directory}-moved`]);
  t.teardown(() => rmSync(`${directory}-moved`, { recursive: true }));
  process.chdir(`${directory}-moved`);
  t.notOk(await RUNNER_STEP.isDone());
});

t.test('a changed .taprc makes it due', async (t) => {
  await project(t);
  await RUNNER_STEP.work();
  await writeFile('.taprc', 'plugin: [x]');
  t.notOk(await RUNNER_STEP.isDone());
});

t.test('the program does without it', async (t) => {
  t.notOk(STEPS.includes(RUNNER_STEP));
});
