import { below, oneOf, type Random } from '../hostile/conversations.js';

/** Values of JSON that are seldom meant, as text, so that they may be what no writer of JSON makes. */
const ODD = [
  ...[
    'null',
    'true',
    '0',
    '-0',
    '1e400',
    '-1e999',
    '1E+2',
    '01',
    '.5',
    '1.',
    '""',
    '" "',
    '[]',
    '{}',
    '[null]',
    '[[]]',
  ],
  ...[
    '"\\ud800"',
    '"\\u0000"',
    '"\\x"',
    "'a'",
    'NaN',
    'undefined',
    '{"a":1,"a":2}',
    '{"__proto__":{"b":1}}',
    '[,]',
    '[1,]',
  ],
  ...['"\ufeff"', '"é"', '/**/1', '\u00a0', '"AQAB"', '"RSA"', '"sig"', '"ES256"', '"default"'],
];

/** A deep or broad text of about `size` octets, which is no JSON as a rule: it costs a parser the most. */
function large(random: Random, size: number): string {
  const piece = oneOf(random, ['[', '{"a":', '[],', '"",', '{},', '1,', ' ', '"\\u0061', '\\"', '{"a":1},']);
  const text = piece.repeat(below(random, Math.floor(size / piece.length)));
  return random() < 0.5 ? text : `[${text}0]`;
}

/** Where one of the values or names of a JSON text begins and ends, as far as quotes, digits and words tell. */
const TOKENS = /"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*|true|false|null/g;

/**
 * `text` with one of its names or values replaced by another or by an odd one, doubled or left out, or with much put
 * there. `words` are names and values that are worth to be met.
 */
export function mutatedJson(random: Random, text: string, words: readonly string[]): string {
  const tokens = [...text.matchAll(TOKENS)];
  if (tokens.length === 0) return oneOf(random, ODD);
  const chosen = oneOf(random, tokens);
  const [before, after] = [text.slice(0, chosen.index), text.slice(chosen.index + chosen[0].length)];
  const put = (piece: string): string => `${before}${piece}${after}`;
  switch (below(random, 7)) {
    case 0:
      return put(oneOf(random, tokens)[0]);
    case 1:
      return put('');
    case 2:
      return put(`${chosen[0]}${oneOf(random, [',', ':', ' '])}${chosen[0]}`);
    case 3:
      return put(JSON.stringify(oneOf(random, words)));
    case 4: {
      const member = `{${JSON.stringify(oneOf(random, words))}:${oneOf(random, ODD)},`;
      return text.replace('{', () => member);
    }
    case 5:
      return random() < 0.2 ? put(large(random, 60_000)) : put(`"${'x'.repeat(below(random, 3000))}"`);
    default:
      return put(oneOf(random, ODD));
  }
}
