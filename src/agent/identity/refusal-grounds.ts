import type { RefusalGrounds } from './certificate-issuer.js';

export interface GroundsOptions {
  /** Tells of each change of a file, until the result is called. */
  readonly files: { onChange(path: string, listener: () => void): () => void };
  /** What the CAs are verified with, and what we show them. */
  readonly paths: readonly string[];
  /** Loaded behind the first key. */
  readonly caClient: Promise<{ onConnectionLost(listener: () => void): () => void }>;
}

/** Files, and the connections to the CAs: when one is another, a refusal may be lifted. */
export function refusalGrounds({ files, paths, caClient }: GroundsOptions): RefusalGrounds {
  return {
    onChange(listener) {
      let isOver = false;
      const stops = [...new Set(paths)].map((path) => files.onChange(path, listener));
      void caClient.then(
        ({ onConnectionLost }) => {
          if (!isOver) stops.push(onConnectionLost(listener));
        },
        // Who starts the agent hears of it.
        () => {},
      );
      return () => {
        isOver = true;
        for (const stop of stops.splice(0)) stop();
      };
    },
  };
}
