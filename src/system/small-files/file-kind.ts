/** The questions that a stat answers. */
interface FileKind {
  isDirectory(): boolean;
  isSocket(): boolean;
  isFIFO(): boolean;
  isFile(): boolean;
}

/** What is there instead of a regular file, completing "got …". */
export function kindOf(state: FileKind): string {
  if (state.isDirectory()) return 'a directory';
  if (state.isSocket()) return 'a socket';
  if (state.isFIFO()) return 'a pipe';
  return state.isFile() ? 'a regular file' : 'a device';
}
