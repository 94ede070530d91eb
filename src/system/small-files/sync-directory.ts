import { open } from 'node:fs/promises';

/** Makes what a directory lists outlast a power cut. @throws what the system says. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
