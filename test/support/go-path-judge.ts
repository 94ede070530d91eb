import { execFileSync } from 'node:child_process';
import { buildGoProgram } from './go-program.js';

const program = buildGoProgram('go-path-judge', 'test/support/go-path-judge');

/** Why crypto/x509 cannot be asked here; false when it can. */
export const NO_GO_PATH_JUDGE = program.missing;

/** One leaf, those among which its issuers are, and what a verifier trusts; all in DER. */
export interface PathQuestion {
  readonly leaf: Buffer;
  readonly others: readonly Buffer[];
  readonly roots: readonly Buffer[];
  readonly nowMs: number;
}

export interface GoPaths {
  /** What a server and a client both accept: from the leaf's issuer to the anchor, in DER. */
  readonly paths: readonly (readonly Buffer[])[];
  /** Why there is none. */
  readonly reason: string;
}

/** An answer for each question. */
export function askGo(questions: readonly PathQuestion[]): GoPaths[] {
  const base64 = (der: Buffer): string => der.toString('base64');
  const lines = questions.map(({ leaf, others, roots, nowMs }) =>
    JSON.stringify({ leaf: base64(leaf), others: others.map(base64), roots: roots.map(base64), nowMs }),
  );
  const output = execFileSync(program.file, { input: lines.join('\n'), maxBuffer: 64 * 1024 * 1024 });
  return output
    .toString()
    .trim()
    .split('\n')
    .map((line) => {
      const { paths, reason }: { paths: string[][] | null; reason: string } = JSON.parse(line);
      return { paths: (paths ?? []).map((path) => path.map((one) => Buffer.from(one, 'base64'))), reason };
    });
}
