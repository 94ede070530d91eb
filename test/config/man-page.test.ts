import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { COMMANDS, type CommandSpec, manPages } from '../../src/config/index.js';

const DIRECTORY = fileURLToPath(new URL('../../../docs/man', import.meta.url));

t.test('docs/man is what the schemas say, and nothing else', async (t) => {
  const pages = manPages();
  t.strictSame(readdirSync(DIRECTORY).sort(), [...pages.keys()].map((name) => `${name}.1`).sort());
  for (const [name, page] of pages)
    t.equal(readFileSync(join(DIRECTORY, `${name}.1`), 'utf8'), page, 'run "npm run docs"');
});

const skip = spawnSync('groff', ['--version']).status === 0 ? false : 'there is no groff';

t.test(
  'groff has no complaint about any page, and shows every flag with all that is said of it',
  { skip },
  async (t) => {
    for (const [name, spec] of Object.entries<CommandSpec>(COMMANDS)) {
      const page = join(DIRECTORY, `sidecert-${name.replaceAll(' ', '-')}.1`);
      const args = ['-man', '-Tutf8', '-ww', '-rLL=200n', '-P-cbou', page];
      const { status, stdout, stderr } = spawnSync('groff', args, { encoding: 'utf8' });
      t.match({ status, stderr }, { status: 0, stderr: '' }, name);
      const words = stdout.replace(/\s+/g, ' ');
      for (const { flag, description } of Object.values(spec.schema)) {
        t.ok(words.includes(`--${flag}`), flag);
        if (/^[\x20-\x7e]*$/.test(description)) t.ok(words.includes(description.slice(0, 40)), `${name} ${flag}`);
      }
    }
  },
);
