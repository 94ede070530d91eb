import { execFile } from 'node:child_process';

/**
 * What `envoy --mode validate` prints. Its exit code is no judge: after "OK", Envoy 1.40 crashes while it tears down a
 * cluster whose secrets come by google_grpc (only in this mode).
 */
export function validate(envoy: string, file: string): Promise<string> {
  return new Promise((resolve) => {
    execFile(envoy, ['--mode', 'validate', '-c', file, '-l', 'error'], (_error, stdout, stderr) =>
      resolve(stdout + stderr),
    );
  });
}

/** What it prints of a file that it would start with. */
export const accepted = (file: string): string => `configuration '${file}' OK`;
