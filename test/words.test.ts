import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import t from 'tap';

/**
 * Words of a tale, and what plain technical English says instead. A reader searches for the second, and may have
 * English as a third language. Things are no persons, and a sentence has a subject that can be found in the code.
 */
const INSTEAD: readonly (readonly [words: RegExp, instead: string])[] = [
  [/\bnobody\b/i, 'no peer, no caller, not'],
  [/\b(?:whoever|whomever)\b/i, 'a client that, the caller'],
  [/\b(?:somebody|someone)\b/i, 'a caller, another process'],
  [/\b(?:everybody|everyone)\b/i, 'all streams, every peer'],
  [/\b(?:anybody|anyone)\b/i, 'any peer, any process'],
  [/\banew\b/i, 'again'],
  [/\bstrangers?\b/i, 'unproven peers'],
  [/\bin vain\b/i, 'without success'],
  [/\bof late\b(?!\))/i, 'recently'],
  [/\btakes? its leave\b/i, 'sends GOAWAY'],
  [/\bgiv(?:e|es|en|ing) way\b|\bgave way\b/i, 'is evicted'],
  [/\bcalled off\b/i, 'cancelled'],
];

/** Sources, and what users read. Decisions of the past are left as they were written. */
const WATCHED = ['src/**/*.ts', 'native/**', 'docs/*.md', '*.md'];

t.test('sources and documents use plain words', async (t) => {
  const files = execFileSync('git', ['ls-files', '-z', '--', ...WATCHED.map((glob) => `:(glob)${glob}`)], {
    encoding: 'utf8',
  });
  const found: string[] = [];
  for (const file of files.split('\0').filter((name) => name !== '')) {
    readFileSync(file, 'utf8')
      .split('\n')
      .forEach((line, index) => {
        for (const [words, instead] of INSTEAD) {
          const word = words.exec(line)?.[0];
          if (word !== undefined) found.push(`${file}:${index + 1}: '${word}', say: ${instead}`);
        }
      });
  }
  t.same(found, []);
});

t.test('a line of a comment has at most 120 columns', async (t) => {
  const files = execFileSync('git', ['ls-files', '-z', '--', 'src', 'test', 'bench'], { encoding: 'utf8' });
  const found: string[] = [];
  for (const file of files.split('\0').filter((name) => /(?<!\.d)\.ts$/.test(name) && !name.includes('/gen/'))) {
    readFileSync(file, 'utf8')
      .split('\n')
      .forEach((line, index) => {
        if (line.length > 120 && /^\s*(?:\*|\/\/|\/\*)/.test(line)) found.push(`${file}:${index + 1}`);
      });
  }
  t.same(found, []);
});
