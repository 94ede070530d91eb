/**
 * How long a test waits for what must come: far above what anything here takes on a machine with ten times the work
 * that it can do. Reached only when it does not come at all. A test whose waits are so long has a limit of 250 s, so
 * that the wait is named that ended in vain; the runner gives a file 300. (.taprc)
 */
export const PATIENCE_MS = 120_000;
