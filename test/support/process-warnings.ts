import type { Test } from 'tap';

/** The warnings that Node prints from now on until the end of the test. Node gives some only once per process. */
export function collectWarnings(t: Test): Error[] {
  const warnings: Error[] = [];
  const keep = (warning: Error): void => void warnings.push(warning);
  process.on('warning', keep);
  t.teardown(() => process.off('warning', keep));
  return warnings;
}
