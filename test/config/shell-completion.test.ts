import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { COMMANDS, type CommandSpec, shellCompletion } from '../../src/config/index.js';
import { shortDir } from '../support/short-dir.js';

/** Why a test of a shell is left out, which needs the modules of it besides. */
function without(shell: string): string | false {
  const args = shell === 'zsh' ? ['-f', '-c', 'zmodload zsh/parameter'] : ['--version'];
  return spawnSync(shell, args).status === 0 ? false : `there is no ${shell}`;
}

/** What a real shell has to offer when TAB is pressed behind these words. */
type Offered = (words: readonly string[], directory: string) => readonly string[];

/** bash calls the function with the words as it splits them. */
const inBash: Offered = (words, directory) => {
  const split = words
    .flatMap((word) => word.split(/(=)/))
    .filter((word, at, all) => word !== '' || at === all.length - 1);
  const line = split.map((word) => JSON.stringify(word)).join(' ');
  const script = `${shellCompletion('bash')}
    compopt() { :; }
    COMP_WORDS=(${line}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _sidecert; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return run('bash', ['--norc', '-c', script], directory);
};

/** zsh fills in what its own functions would add to the list. */
const inZsh: Offered = (words, directory) => {
  const line = words.map((word) => JSON.stringify(word)).join(' ');
  const script = `
    compdef() { :; }; compset() { words[CURRENT]="\${words[CURRENT]#*=}"; }
    compadd() { shift; for one in "$@"; do [[ $one == \${words[CURRENT]}* ]] && print -r -- $one; done; true; }
    _files() { for one in \${words[CURRENT]}*(N); do print -r -- $one; done; }
    ${shellCompletion('zsh')}
    words=(${line}); CURRENT=\${#words}; _sidecert`;
  return run('zsh', ['-f', '-c', script], directory);
};

const inFish: Offered = (words, directory) => {
  const file = join(directory, 'completion.fish');
  writeFileSync(file, shellCompletion('fish'));
  const script = `source ${file}; complete -C ${JSON.stringify(words.join(' '))}`;
  const offered = run('fish', ['--no-config', '-c', script], directory);
  return offered.map((line) => line.split('\t')[0] ?? '').map((one) => one.replace(/^--[a-z-]+=/, ''));
};

function run(program: string, args: readonly string[], cwd: string): string[] {
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, HOME: cwd },
  });
  if (status !== 0 || stderr !== '') throw new Error(`${program}: ${status} ${stderr}`);
  return stdout.split('\n').filter((line) => line !== '');
}

const cases: readonly { readonly typed: readonly string[]; readonly offers: readonly string[] }[] = [
  { typed: ['sidecert', 'ag'], offers: ['agent'] },
  { typed: ['sidecert', 'pol'], offers: ['policy'] },
  { typed: ['sidecert', 'policy', ''], offers: ['check', 'test'] },
  { typed: ['sidecert', 'policy', 'check', '--pol'], offers: ['--policy'] },
  { typed: ['sidecert', 'agent', '--ca-a'], offers: ['--ca-address'] },
  { typed: ['sidecert', 'agent', '--mode', ''], offers: ['node', 'sidecar'] },
  { typed: ['sidecert', 'agent', '--mode=si'], offers: ['sidecar'] },
  { typed: ['sidecert', 'agent', '--ttl', ''], offers: [] },
  { typed: ['sidecert', 'agent', '--token-file', 'tok'], offers: ['token one', 'token2'] },
  { typed: ['sidecert', 'agent', '--takeover', '--log-f'], offers: ['--log-format'] },
  { typed: ['sidecert', 'completion', 'z'], offers: ['zsh'] },
];

for (const [shell, offered] of [
  ['bash', inBash],
  ['zsh', inZsh],
  ['fish', inFish],
] as const) {
  t.test(`${shell} offers commands, flags, values and files`, { skip: without(shell) }, async (t) => {
    const directory = shortDir(t);
    for (const name of ['token one', 'token2', 'other']) writeFileSync(join(directory, name), '');
    for (const { typed, offers } of cases) {
      const got = offered(typed, directory).map((one) => one.replaceAll('\\ ', ' '));
      t.strictSame([...got].sort(), [...offers].sort(), typed.join(' '));
    }
  });
}

t.test('every flag of every command is in every script', async (t) => {
  for (const shell of ['bash', 'zsh', 'fish'] as const) {
    const script = shellCompletion(shell);
    for (const spec of Object.values<CommandSpec>(COMMANDS)) {
      for (const { flag } of Object.values(spec.schema)) t.ok(script.includes(flag), `${shell}: ${flag}`);
    }
  }
});
