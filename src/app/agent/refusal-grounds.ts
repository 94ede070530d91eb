import type { FileChanges } from '../../agent/files/index.js';
import type { RefusalGrounds } from '../../agent/identity/index.js';

export interface GroundsOptions {
  readonly files: Pick<FileChanges, 'onChange'>;
  readonly rootFile: string;
  /** Loaded behind the first key. */
  readonly caClient: Promise<{ onConnectionLost(listener: () => void): () => void }>;
}

/** The root file, and the connection to the CA: when one is another, a refusal may be lifted. */
export function refusalGrounds({ files, rootFile, caClient }: GroundsOptions): RefusalGrounds {
  return {
    onChange(listener) {
      let isOver = false;
      const stops = [files.onChange(rootFile, listener)];
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
