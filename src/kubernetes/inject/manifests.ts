import { type Document, LineCounter, parseAllDocuments, type Tags } from 'yaml';
import { changeOf } from './change.js';
import { editedText, isFirstOnLine, type TextEdit } from './text-edits.js';
import { YamlEditor, type YamlStyle, yamlStyleOf, yamlText } from './yaml-editor.js';

/** One document of a file: what it says, and in which line it begins. */
export interface Manifest {
  readonly value: unknown;
  readonly line: number;
}

/** A file with manifests in YAML or JSON. */
export interface ManifestFile {
  readonly manifests: readonly Manifest[];
  /** The file with other values in place of those, in their order; what is equal is left as it was written. */
  withValues(values: readonly unknown[]): string;
}

/** One thing that keeps a file from being read. */
export interface SyntaxProblem {
  readonly line: number;
  readonly column: number;
  readonly text: string;
}

/** Kubernetes reads YAML 1.1 as JSON: without dates, bytes and sets. (sigs.k8s.io/yaml) */
const NOT_IN_JSON = /:(timestamp|binary|omap|pairs|set)$/;

type Parsed = Document.Parsed;

/** Reads all documents of a file. */
export function readManifests(
  text: string,
): { readonly file: ManifestFile } | { readonly problems: readonly SyntaxProblem[] } {
  const lines = new LineCounter();
  try {
    const documents = parse(text, lines);
    const problems = documents.flatMap(({ errors }) =>
      errors.map(({ pos: [offset], message }) => problemAt(lines, offset, message.split('\n')[0] ?? message)),
    );
    if (problems.length > 0) return { problems };
    const manifests = documents.map((document) => ({
      value: document.toJS(),
      line: lines.linePos(document.contents?.range[0] ?? document.range[0]).line,
    }));
    return { file: { manifests, withValues: (values) => written(text, documents, manifests, values) } };
  } catch (error) {
    // Aliases of aliases, and levels without end.
    return { problems: [{ line: 1, column: 1, text: error instanceof Error ? error.message : String(error) }] };
  }
}

function parse(text: string, lineCounter?: LineCounter): readonly Parsed[] {
  const documents = parseAllDocuments(text, {
    version: '1.1',
    customTags: (tags: Tags) => tags.filter((tag) => typeof tag === 'string' || !NOT_IN_JSON.test(tag.tag)),
    keepSourceTokens: true,
    prettyErrors: false,
    logLevel: 'silent',
    ...(lineCounter !== undefined && { lineCounter }),
  });
  // A text without any document: then it is a list without items, with fields of its own.
  return Array.isArray(documents) ? [...documents] : [];
}

function problemAt(lines: LineCounter, offset: number, text: string): SyntaxProblem {
  const { line, col } = lines.linePos(offset);
  return { line, column: col, text };
}

function written(
  text: string,
  documents: readonly Parsed[],
  before: readonly Manifest[],
  after: readonly unknown[],
): string {
  const style = yamlStyleOf(text);
  const edits = documents.map((document, index) =>
    documentEdits(text, style, document, before[index]?.value, after[index]),
  );
  const edited = editedText(
    text,
    edits.flatMap(({ exact, whole }) => exact ?? whole),
  );
  const right = edited === undefined ? documents.map(() => false) : sameValues(edited, after);
  if (edited !== undefined && right.every((isRight) => isRight)) return edited;
  // Where the way of writing left no place for a change: that document is written from its value.
  const rewritten = edits.map(({ exact, whole }, index) => (right[index] && exact !== undefined ? exact : whole));
  return editedText(text, rewritten.flat()) ?? text;
}

/** Whether each document of a text says what it should. */
function sameValues(text: string, values: readonly unknown[]): boolean[] {
  try {
    const documents = parse(text);
    return values.map((value, index) => {
      const document = documents[index];
      const isRead = documents.length === values.length && document !== undefined && document.errors.length === 0;
      return isRead && changeOf(document.toJS(), value).kind === 'same';
    });
  } catch {
    return values.map(() => false);
  }
}

function documentEdits(
  text: string,
  style: YamlStyle,
  document: Parsed,
  before: unknown,
  after: unknown,
): { exact: readonly TextEdit[] | undefined; whole: readonly TextEdit[] } {
  const change = changeOf(before, after);
  if (change.kind === 'same') return { exact: [], whole: [] };
  const editor = new YamlEditor(text, style);
  editor.apply(document.contents, change);
  const [start = 0, end = 0] = document.contents?.range ?? [];
  const content = text.slice(start, end);
  // A file in JSON stays one.
  const newText = content.startsWith('{') ? JSON.stringify(after, null, 2) : yamlText(after, style).trimEnd();
  const whole = {
    start,
    end: start + content.trimEnd().length,
    text: `${isFirstOnLine(text, start) ? '' : style.newline}${newText.replaceAll('\n', style.newline)}`,
  };
  return { exact: editor.isComplete ? editor.edits : undefined, whole: [whole] };
}
