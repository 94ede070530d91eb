import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** How often a waiting set-up looks whether the other one has finished. */
const POLL_MS = 200;

/**
 * Runs `work` while no other process of this project does: two set-ups at once would delete each other's `node_modules`.
 * The lock is a file with the owner's process id; one whose owner has died is taken over.
 */
export async function withLock(path, onWait, work) {
  await mkdir(dirname(path), { recursive: true });
  for (let waited = false; !(await take(path)); waited = true) {
    if (!waited) onWait();
    if (await isOrphaned(path)) await rm(path, { force: true });
    else await delay(POLL_MS);
  }
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

async function take(path) {
  try {
    await writeFile(path, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

async function isOrphaned(path) {
  const pid = Number(await readFile(path, 'utf8').catch(() => ''));
  // An empty file is one that its owner has just made and not yet written.
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return error.code === 'ESRCH';
  }
}
