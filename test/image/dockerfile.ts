/** One instruction of a Dockerfile, continuation lines joined and comments dropped. */
export interface Instruction {
  readonly name: string;
  readonly rest: string;
}

/** The stages of a Dockerfile, each from its FROM on; what stands before the first FROM is left out. */
export function stagesOf(dockerfile: string): Instruction[][] {
  const stages: Instruction[][] = [];
  for (const instruction of instructionsOf(dockerfile)) {
    if (instruction.name === 'FROM') stages.push([]);
    stages.at(-1)?.push(instruction);
  }
  return stages;
}

/** The values of all instructions called `name` in a stage. */
export function valuesOf(stage: readonly Instruction[], name: string): string[] {
  return stage.filter((instruction) => instruction.name === name).map(({ rest }) => rest);
}

/** The words of an instruction in exec form, which is a JSON array; undefined for shell form. */
export function execForm(value: string | undefined): readonly string[] | undefined {
  const json = /\[.*\]$/.exec(value ?? '')?.[0];
  if (json === undefined) return undefined;
  const words: unknown = JSON.parse(json);
  return Array.isArray(words) && words.every((word) => typeof word === 'string') ? words : undefined;
}

function instructionsOf(dockerfile: string): Instruction[] {
  const code = dockerfile
    .split('\n')
    .filter((line) => !line.trimStart().startsWith('#'))
    .join('\n')
    .replace(/\\\n\s*/g, '');
  return [...code.matchAll(/^([A-Z]+)\s+(.*)$/gm)].map(([, name = '', rest = '']) => ({ name, rest }));
}
