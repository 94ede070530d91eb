import { type CompletionConfig, shellCompletion } from '../config/index.js';
import { Exit, print } from './process.js';

/** `sidecert completion`. */
export async function runCompletion({ shell }: CompletionConfig): Promise<number> {
  print(shellCompletion(shell));
  return Exit.ok;
}
