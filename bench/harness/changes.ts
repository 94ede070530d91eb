import { type Answer, spreadOf } from './answer.js';

/**
 * A row of text for each figure that both trees have: ours as a multiple of the base's, median and range over the
 * pairs.
 */
export function changesOf(pairs: readonly { readonly base: Answer; readonly ours: Answer }[]): string[][] {
  const ratios = new Map<string, number[]>();
  for (const { base, ours } of pairs) {
    const before = figuresOf(base);
    for (const [title, value] of figuresOf(ours)) {
      const old = before.get(title);
      if (old !== undefined) ratios.set(title, [...(ratios.get(title) ?? []), value / old]);
    }
  }
  return [...ratios].map(([title, all]) => {
    const { ratio, min, max } = spreadOf(all);
    return [title, ratio.toFixed(2), `${min.toFixed(2)} – ${max.toFixed(2)}`];
  });
}

function figuresOf({ rates, distributions }: Answer): Map<string, number> {
  return new Map([
    ...rates.map(({ group, name, perSecond }): [string, number] => [`${group}, ${name} (rate)`, perSecond]),
    ...distributions.flatMap(({ group, name, p50, p99 }): [string, number][] => [
      [`${group}, ${name} (p50)`, p50],
      [`${group}, ${name} (p99)`, p99],
    ]),
  ]);
}
