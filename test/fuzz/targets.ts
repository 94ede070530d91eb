import type { FuzzTarget } from './target.js';

/** All targets that run in JavaScript, by name: loaded when they are asked for. A new one is a file and a line here. */
export const TARGETS: Readonly<Record<string, () => Promise<FuzzTarget>>> = {
  hpack: async () => (await import('./hpack.js')).hpack,
  frames: async () => (await import('./frames.js')).frames,
  answers: async () => (await import('./answers.js')).answers,
  'http2-diff': async () => (await import('./http2-diff.js')).http2Diff,
  tokens: async () => (await import('./tokens.js')).tokens,
  pem: async () => (await import('./pem.js')).pem,
  csr: async () => (await import('./csr.js')).csr,
  json: async () => (await import('./json.js')).json,
  crls: async () => (await import('./crls.js')).crls,
  chains: async () => (await import('./chains.js')).chains,
  reviews: async () => (await import('./reviews.js')).reviews,
};
