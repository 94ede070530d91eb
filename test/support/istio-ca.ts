import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Test } from 'tap';
import { shortDir } from './short-dir.js';
import { privateKeyPem, type TestCa } from './test-ca.js';
import type { TokenIssuer } from './test-tokens.js';
import { Written } from './written.js';

/** As `npm test` says. */
const PROGRAM = process.env.ISTIO_CA_PATH ?? 'none';

/** Why there is none here; false when there is one. */
export const NO_ISTIO_CA: string | false =
  PROGRAM === 'none' && "no CA of istiod's: npm test builds it where Go is on the PATH";

/** A plugged-in CA: what signs, and the roots that it names. */
export interface PluggedIn {
  readonly signer: TestCa;
  /** PEM. */
  readonly roots: string;
}

interface IstioCaOptions {
  /** Whose tokens it accepts by their signature, for the audience `istio-ca`. */
  readonly issuer?: TokenIssuer;
  /** The path of a file that leads to an API server that reviews tokens. */
  readonly kubeconfig?: string;
  /** Left out, it makes a root of its own. */
  readonly pluggedIn?: PluggedIn;
}

/** Istiod's own CA on a real TLS port, at the commit of test/support/istio-agent/go.mod, as istiod puts it together. */
export interface IstioCa {
  readonly address: string;
  /** The roots that it names now. */
  readonly rootPem: Buffer;
  /** Has it sign with another CA: new files in its directory. */
  plugIn(next: PluggedIn): Promise<void>;
  /** Resolves with how it has ended. */
  readonly ended: Promise<number | NodeJS.Signals>;
  /** Resolves with all that it has logged, when it has ended. */
  log(): Promise<string>;
}

/** Ends with the test. */
export async function startIstioCa(t: Test, { issuer, kubeconfig, pluggedIn }: IstioCaOptions): Promise<IstioCa> {
  const directory = shortDir(t);
  const cacerts = join(directory, 'cacerts');
  mkdirSync(cacerts);
  if (pluggedIn !== undefined) writePluggedIn(cacerts, pluggedIn);
  const child = spawn(PROGRAM, [], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...(pluggedIn !== undefined && { ROOT_CA_DIR: cacerts }),
      ...(issuer !== undefined && { JWT_RULE: JSON.stringify(await jwtRule(t, issuer)) }),
      ...(kubeconfig !== undefined && { KUBECONFIG: kubeconfig }),
    },
  });
  const ended = once(child, 'exit').then(([code, signal]) => code ?? signal);
  t.teardown(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  // Istio logs to standard output, too.
  const [out, err] = [new Written(child.stdout, "istiod's CA, stdout"), new Written(child.stderr, "istiod's CA")];
  const address = await out.line(/^127\.0\.0\.1:\d+$/);
  let reloads = 0;
  return {
    address,
    ended,
    log: async () => `${await out.whole()}${await err.whole()}`,
    get rootPem() {
      return readFileSync(join(directory, 'root-cert.pem'));
    },
    async plugIn(next) {
      writePluggedIn(cacerts, next);
      child.kill('SIGHUP');
      reloads += 1;
      await out.lines(/^reloaded$/, reloads);
    },
  };
}

/** The names of Istio's Secret `cacerts`. */
function writePluggedIn(directory: string, { signer, roots }: PluggedIn): void {
  const files = {
    'ca-cert.pem': signer.certificatePem,
    'ca-key.pem': privateKeyPem(signer.keys),
    'cert-chain.pem': signer.certificatePem,
    'root-cert.pem': roots,
  };
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content);
}

/** As JWT_RULE of istiod has it; the keys are fetched from a web server that ends with the test. */
async function jwtRule(t: Test, issuer: TokenIssuer): Promise<object> {
  const server = createServer((_, response) => response.end(JSON.stringify(issuer.jwks))).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { issuer: issuer.issuer, jwksUri: `http://127.0.0.1:${port}/`, audiences: ['istio-ca'] };
}
