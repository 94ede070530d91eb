import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Test } from 'tap';
import { loadAddon } from '../../src/system/addon/index.js';
import type { Pkcs11KeyReference } from '../../src/system/pkcs11/index.js';
import { shortDir } from './short-dir.js';

const { SOFTHSM_PATH = 'none' } = process.env;
const addon = loadAddon();

/** Why there are no tokens here, or `false`. */
export const NO_TOKENS =
  SOFTHSM_PATH === 'none'
    ? 'SOFTHSM_PATH names no softhsm2-util, npm test fetches it'
    : addon.kind === 'absent' && addon.reason;

const TOKEN = 'mesh';
const PIN = '1234';

/** A token in software, and its module, of this test. */
export class SoftHsm {
  readonly directory: string;
  readonly pinFile: string;
  readonly modulePath: string;
  readonly configFile: string;

  /** The module finds its files by the environment, so a test file has one at a time. */
  constructor(t: Test) {
    this.directory = shortDir(t);
    this.pinFile = join(this.directory, 'pin');
    this.modulePath = moduleBeside(realpathSync(SOFTHSM_PATH));
    mkdirSync(this.#tokens);
    writeFileSync(this.pinFile, `${PIN}\n`);
    this.configFile = join(this.directory, 'softhsm2.conf');
    writeFileSync(
      this.configFile,
      `directories.tokendir = ${this.#tokens}\nobjectstore.backend = file\nlog.level = ERROR\n`,
    );
    process.env.SOFTHSM2_CONF = this.configFile;
    this.#run('--init-token', '--free', '--label', TOKEN, '--pin', PIN, '--so-pin', PIN);
  }

  /** Puts a private key, in PKCS#8 PEM, into the token. */
  import(label: string, privateKeyPem: Buffer, id = 'a1'): void {
    const file = join(this.directory, 'key.pem');
    writeFileSync(file, privateKeyPem);
    this.#run('--import', file, '--token', TOKEN, '--label', label, '--id', id, '--pin', PIN);
    rmSync(file);
  }

  reference(object: string, changes: Partial<Pkcs11KeyReference> = {}): Pkcs11KeyReference {
    const { modulePath, pinFile } = this;
    const rest = { serial: undefined, manufacturer: undefined, model: undefined, id: undefined };
    return { modulePath, token: TOKEN, object, pinFile, ...rest, ...changes };
  }

  /** As `--ca-key` has it. */
  uri(object: string): string {
    return `pkcs11:token=${TOKEN};object=${object}?module-path=${this.modulePath}&pin-source=file:${this.pinFile}`;
  }

  /** From now on the module waits for its configuration until it is written into this pipe. */
  configByPipe(): void {
    rmSync(this.configFile);
    execFileSync('mkfifo', [this.configFile]);
  }

  /** Takes the token away, with its keys. */
  remove(): void {
    renameSync(this.#tokens, `${this.#tokens}-away`);
  }

  putBack(): void {
    renameSync(`${this.#tokens}-away`, this.#tokens);
  }

  get #tokens(): string {
    return join(this.directory, 'tokens');
  }

  #run(...args: readonly string[]): void {
    execFileSync(SOFTHSM_PATH, ['--module', this.modulePath, ...args], { stdio: 'ignore' });
  }
}

/** Debian has it below lib/TRIPLET/softhsm, others below lib/softhsm. */
function moduleBeside(utility: string): string {
  const lib = join(dirname(dirname(utility)), 'lib');
  const places = ['.', ...readdirSync(lib)].map((name) => join(lib, name, 'softhsm', 'libsofthsm2.so'));
  const found = places.find((path) => existsSync(path));
  if (found === undefined) throw new Error(`no libsofthsm2.so below ${lib}`);
  return found;
}
