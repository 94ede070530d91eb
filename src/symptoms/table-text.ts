import { SYMPTOMS, type Symptom } from './symptoms.js';

const BEGIN = '<!-- made by npm run docs from src/symptoms -->';
const END = '<!-- end of what is made -->';

/** docs/troubleshooting.md with its middle made again from the table. */
export function withTable(page: string): string {
  const [head = '', rest = ''] = page.split(BEGIN);
  const [, tail = ''] = rest.split(END);
  return `${head}${BEGIN}\n\n${troubleshootingTable()}\n${END}${tail}`;
}

function troubleshootingTable(): string {
  return Object.entries(SYMPTOMS)
    .flatMap(([id, { symptom, cause, advice }]: [string, Symptom]) => [
      `### ${id}`,
      '',
      `**${capital(symptom)}.** ${capital(inDocs(cause))}.`,
      '',
      `What to do: ${inDocs(advice)}.`,
      '',
    ])
    .join('\n');
}

/** What stands in angle brackets is no tag of HTML. */
function inDocs(text: string): string {
  return text.replace(/(?<!`)(\S*<[^>]+>\S*)/g, '`$1`');
}

function capital(text: string): string {
  return `${text[0]?.toUpperCase()}${text.slice(1)}`;
}
