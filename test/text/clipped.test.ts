import t from 'tap';
import { clipped } from '../../src/text/index.js';

const cases = [
  { name: 'a short text is shown whole', text: 'not found', want: 'not found' },
  { name: 'a longer one says that it is cut', text: 'x'.repeat(21), want: `${'x'.repeat(19)}…` },
  { name: 'lines and what controls a terminal become a space', text: 'a\r\nb\u001b[2J', want: 'a b [2J' },
  { name: 'marks of bidirectional writing cannot turn a line round', text: 'a\u202egpj.exe', want: 'a gpj.exe' },
  { name: 'the line ends of Unicode are line ends', text: 'a\u2028b\u2029c', want: 'a b c' },
  { name: 'nothing stays nothing', text: '', want: '' },
];

for (const { name, text, want } of cases) t.test(name, async (t) => t.equal(clipped(text, 20), want));
