/** So many slips of the keyboard still point to the word that was meant; of a short word fewer do. */
const MAX_SLIPS = 2;
const LETTERS_PER_SLIP = 3;

/**
 * The one of `words` that is most like `text`, for a hint: at most two letters are missing, too many, others or
 * exchanged with their neighbour, and one for each three letters. `undefined` when none is that near.
 */
export function nearest(text: string, words: readonly string[]): string | undefined {
  let best: string | undefined;
  let fewest = Math.min(MAX_SLIPS, Math.floor(text.length / LETTERS_PER_SLIP)) + 1;
  for (const word of words) {
    // No distance is less than the difference of the lengths: a text of megabytes costs nothing.
    if (Math.abs(word.length - text.length) >= fewest) continue;
    const slips = distance(text, word);
    if (slips < fewest) [best, fewest] = [word, slips];
  }
  return best;
}

/** Optimal string alignment: the fewest edits, none of which touches a letter twice. */
function distance(one: string, other: string): number {
  let before: number[] = [];
  let last = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let row = 1; row <= one.length; row += 1) {
    const now = [row];
    for (let at = 1; at <= other.length; at += 1) {
      const isSame = one[row - 1] === other[at - 1];
      let edits = Math.min((last[at] ?? 0) + 1, (now[at - 1] ?? 0) + 1, (last[at - 1] ?? 0) + (isSame ? 0 : 1));
      const isExchanged = row > 1 && at > 1 && one[row - 1] === other[at - 2] && one[row - 2] === other[at - 1];
      if (isExchanged) edits = Math.min(edits, (before[at - 2] ?? 0) + 1);
      now.push(edits);
    }
    [before, last] = [last, now];
  }
  return last[other.length] ?? 0;
}
