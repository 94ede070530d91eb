import t from 'tap';
import {
  COMMANDS,
  type CommandName,
  type CommandSpec,
  commandHelp,
  environmentName,
  overview,
} from '../../src/config/index.js';

const NAMES = Object.keys(COMMANDS) as CommandName[];

for (const name of NAMES) {
  const spec: CommandSpec = COMMANDS[name];
  const flags = Object.values(spec.schema).map(({ flag }) => flag);

  t.test(`the help of ${name} names every flag and its environment variable`, async (t) => {
    const help = commandHelp(name, spec, 80);
    for (const flag of flags) {
      t.ok(help.includes(`--${flag} `) || help.includes(`--${flag}\n`), flag);
      t.ok(help.includes(environmentName(flag)), environmentName(flag));
    }
    t.ok(overview(80).includes(name));
  });

  for (const columns of [50, 80, 132]) {
    t.test(`the help of ${name} fits ${columns} columns, and says the same on all widths`, async (t) => {
      const help = commandHelp(name, spec, columns);
      const tooLong = help.split('\n').filter((line) => line.length > columns && /\S\s+\S/.test(line.slice(2)));
      t.strictSame(
        tooLong.filter((line) => !/^(Example|Usage): /.test(line) && !line.startsWith('  --')),
        [],
      );
      t.equal(words(help), words(commandHelp(name, spec, 10_000)));
    });
  }

  t.test(`each group of flags of ${name} begins with one of them`, async (t) => {
    const begins = Object.keys(spec.headings ?? {});
    t.strictSame(
      begins,
      flags.filter((flag) => begins.includes(flag)),
      'in the order of the schema',
    );
    if (begins.length > 0) t.equal(begins[0], flags[0], 'no flag is outside of all groups');
  });
}

t.test('every width has the list of all commands, in its groups', async (t) => {
  for (const columns of [40, 80, 200]) {
    const text = overview(columns);
    t.strictSame(
      text.split('\n').filter((line) => line.length > columns && !line.startsWith('Usage')),
      [],
    );
    t.match(text, /^Run:$/m);
  }
});

function words(text: string): string {
  return text.replace(/\s+/g, ' ');
}
