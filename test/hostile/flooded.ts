import type { Test } from 'tap';
import { startCitadel } from '../support/citadel.js';
import { openHotPath } from '../support/hot-path.js';
import { RawPeer } from '../support/raw-peer.js';
import type { RecordingLogger } from '../support/recording-logger.js';
import { SOCKET_WAYS } from '../support/socket-ways.js';
import { STREAM_SECRETS, serveHostile } from './served.js';

export const CREATE_CERTIFICATE = '/istio.v1.auth.IstioCertificateService/CreateCertificate';

/** Where it is: by its socket, or by its address and the roots of its certificate. */
export type FloodTarget = { readonly path: string } | { readonly address: string; readonly rootPem: Uint8Array };

/** A server of ours, as one who floods it meets it. */
export interface FloodedServer {
  readonly logger: RecordingLogger;
  /** Lets go of what the test itself remembers of it: lines, and callers of a source that is not the product's. */
  forget(): void;
  /** A method that it serves, and that a peer may call without a proof of who it is. */
  readonly method: string;
  readonly target: FloodTarget;
  /** A connection that says whatever a test wants. */
  peer(): Promise<RawPeer>;
}

export interface FloodedWay {
  readonly name: string;
  readonly kind: 'agent' | 'citadel';
  serve(t: Test): Promise<FloodedServer>;
}

const hotPath = openHotPath();

/** Both servers that peers can flood: the agent, over each kind of socket, and Citadel over TLS. */
export const FLOODED: readonly FloodedWay[] = [
  ...SOCKET_WAYS.map((via) => ({
    name: `the agent via ${via}`,
    kind: 'agent' as const,
    async serve(t: Test) {
      const { logger, source, peer, path } = await serveHostile(t, { via });
      const forget = () => {
        logger.lines.length = 0;
        source.forget();
      };
      return { logger, forget, peer, method: STREAM_SECRETS, target: { path } };
    },
  })),
  {
    name: 'Citadel',
    kind: 'citadel',
    async serve(t) {
      // As with the agent, no time passes: what is a flood is one on a slow machine, too, and nobody is idle for too
      // long.
      const citadel = await startCitadel(t, hotPath, { server: { now: () => 0 } });
      const { logger, address, rootPem } = citadel;
      const peer = () => RawPeer.connectTls(t, citadel);
      const forget = () => {
        logger.lines.length = 0;
      };
      return { logger, forget, peer, method: CREATE_CERTIFICATE, target: { address, rootPem } };
    },
  },
];
