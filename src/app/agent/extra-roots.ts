import { anywhere, type FileWatch, parseBundleFile, ReloadedFiles } from '../../agent/files/index.js';
import type { TrustBundle } from '../../pki/spiffe/index.js';
import { RateLimitedLogger } from '../../telemetry/index.js';
import type { AppContext, Teardown } from '../running-app.js';

export interface ExtraRootsOptions {
  readonly paths: readonly string[];
  readonly context: AppContext;
  readonly watch: FileWatch;
  readonly teardown: Teardown;
}

/** Roots that an operator adds to those of the CA. */
export interface ExtraRoots {
  /** PEM: of each file what was last good; empty as long as none was. */
  readonly pem: Buffer;
  /** Calls `listener` after each change. */
  onChange(listener: () => void): void;
}

/** Reads the files, each by itself, and goes on looking at them. The end is put onto the teardown. */
export async function openExtraRoots({ paths, context, watch, teardown }: ExtraRootsOptions): Promise<ExtraRoots> {
  const { logger, now } = context;
  const surroundings = { directories: anywhere, watch, log: new RateLimitedLogger(logger, now), now };
  const listeners = new Set<() => void>();
  const changed = (): void => {
    for (const listener of listeners) listener();
  };
  const files = paths.map((path) => {
    return new ReloadedFiles<TrustBundle>(
      {
        what: 'extra roots',
        paths: [path],
        parse: ([pem = Buffer.alloc(0)], round) => parseBundleFile(pem, now(), round),
        isSame: (one, other) => one.equals(other),
      },
      surroundings,
      changed,
    );
  });
  teardown.add(() => {
    for (const file of files) file.close();
  });
  await Promise.all(files.map((file) => file.open()));
  return {
    get pem() {
      return Buffer.concat(files.flatMap(({ value }) => value?.toPem() ?? []));
    },
    onChange: (listener) => void listeners.add(listener),
  };
}
