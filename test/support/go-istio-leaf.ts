import { execFileSync } from 'node:child_process';
import { buildGoProgram } from './go-program.js';

const program = buildGoProgram('go-istio-leaf', 'test/support/go-istio-leaf');

/** Why no leaf can be made as Istio makes it here; false when it can. */
export const NO_GO_ISTIO_LEAF = program.missing;

/** What a CA is asked for, and what it has. Texts are PEM; the key is in PKCS#8. */
export interface LeafQuestion {
  readonly caCert: string;
  readonly caKey: string;
  readonly csr: string;
  readonly uri: string;
  /** In hex. */
  readonly serial: string;
  readonly nowMs: number;
  readonly ttlMs: number;
  /** The leaf of another CA, signed by the same key. */
  readonly other: string;
}

export interface IstioLeaf {
  /** PEM, as it stands in an element of Istio's answer. */
  readonly leaf: string;
  /** The part of it that is signed, and the same part of `other`; DER in base64. */
  readonly signed: string;
  readonly otherSigned: string;
}

/** The leaf that Istio's CA would have made. @throws Error where crypto/x509 takes something not. */
export function istioLeaf(question: LeafQuestion): IstioLeaf {
  const output = execFileSync(program.file, { input: `${JSON.stringify(question)}\n` });
  const { reason, ...made }: IstioLeaf & { reason: string } = JSON.parse(output.toString());
  if (reason !== '') throw new Error(reason);
  return made;
}
