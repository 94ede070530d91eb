import t from 'tap';
import { nearest } from '../../src/text/index.js';

const FLAGS = ['socket', 'ca-address', 'ca-root', 'ttl', 'token-file'];

for (const { name, text, found } of [
  { name: 'two letters exchanged', text: 'sokcet', found: 'socket' },
  { name: 'a letter missing', text: 'ca-adress', found: 'ca-address' },
  { name: 'a letter too many', text: 'ca-roott', found: 'ca-root' },
  { name: 'another letter', text: 'tokem-file', found: 'token-file' },
  { name: 'two slips', text: 'tokenfil', found: 'token-file' },
  { name: 'the word itself', text: 'socket', found: 'socket' },
  { name: 'another word', text: 'namespace', found: undefined },
  { name: 'a short word is soon another one', text: 'tt', found: undefined },
  { name: 'one slip in three letters', text: 'tll', found: 'ttl' },
  { name: 'nothing', text: '', found: undefined },
  { name: 'far too much', text: 'x'.repeat(1_000_000), found: undefined },
]) {
  t.test(`the nearest word: ${name}`, async (t) => {
    t.equal(nearest(text, FLAGS), found);
  });
}
