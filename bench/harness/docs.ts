import { mkdir, readFile, writeFile } from 'node:fs/promises';
import type { Answer } from './answer.js';
import { chartOf } from './bar-chart.js';
import { conditionsLine } from './conditions.js';
import { markdownOf } from './text-table.js';

const PAGE = 'docs/performance.md';
const CHARTS = 'docs/bench';

/** Puts an answer into the page of figures, in the place of its older one, and draws its chart. */
export async function writeToDocs(answer: Answer): Promise<void> {
  await mkdir(CHARTS, { recursive: true });
  await writeFile(`${CHARTS}/${answer.name}.svg`, chartOf(answer));
  await writeFile(PAGE, withAnswer(await readFile(PAGE, 'utf8'), answer));
}

/** The page with this answer between its marks: in the place of the older one, or at the end. */
export function withAnswer(page: string, answer: Answer): string {
  const [begin, end] = [`<!-- bench ${answer.name} -->`, `<!-- end of bench ${answer.name} -->`];
  const section = `${begin}\n${sectionOf(answer)}\n${end}`;
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) return `${page.trimEnd()}\n\n${section}\n`;
  return page.slice(0, from) + section + page.slice(to + end.length);
}

function sectionOf(answer: Answer): string {
  const { name, question, note, conditions } = answer;
  return [
    `### ${question}`,
    `${conditions.date.slice(0, 10)}, \`npm run bench -- ${name}\`: ${conditionsLine(conditions)}. ${note}`,
    `![${question}](bench/${name}.svg)`,
    markdownOf(answer),
  ].join('\n\n');
}
