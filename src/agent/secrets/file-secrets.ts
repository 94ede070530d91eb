import { IdentityError } from '../../errors/index.js';
import { Field } from '../../telemetry/index.js';
import type { AllowedDirectories } from '../files/index.js';
import {
  type FileDependencies,
  type FilesOf,
  type Parsed,
  parseBundleFile,
  parseCertificatePair,
  ReloadedFiles,
  type Round,
} from '../files/index.js';
import { SecretContent } from '../identity/index.js';
import { certificateSecret } from './certificate-secret.js';
import { encodeGenericSecret, encodeValidationContext, type PrivateKeyProvider } from './secret-codec.js';
import { fileNameOf } from './secret-names.js';

/** Above what a gateway has, which opens a stream for each; a client that asks for more made-up names gets no more. */
const MAX_FILE_SECRETS = 8192;

/** HAProxy's convention: the staple of `tls.crt` lies beside it as `tls.crt.ocsp`. */
const STAPLE_SUFFIX = '.ocsp';

export interface FileSecretsOptions extends FileDependencies {
  readonly directories: AllowedDirectories;
  /** The files of generic secrets, by their names. */
  readonly generic: ReadonlyMap<string, string>;
  readonly privateKeyProvider: PrivateKeyProvider | undefined;
}

/** The file secrets that one stream asks for, from its first question on. */
export interface FileSecretsOfStream {
  secret(name: string): SecretContent | undefined;
  /** Lets go of them. */
  close(): void;
}

interface Entry {
  readonly files: ReloadedFiles<SecretContent>;
  readonly listeners: Set<(name: string) => void>;
}

/** The pair of one name that is served: the next one can wait for its beginning until then. */
interface HeldPair {
  /** Epoch milliseconds. */
  notAfterMs: number;
}

/** The secrets that are files, by their resource names: read while a stream wants them, and once for all streams. */
export class FileSecrets {
  private readonly entries = new Map<string, Entry>();

  constructor(private readonly options: FileSecretsOptions) {}

  /** True for names that mean files which may be served, whether they are there or not. */
  mayServe(name: string): boolean {
    const { directories, generic } = this.options;
    if (generic.has(name)) return true;
    const file = fileNameOf(name);
    if (file === undefined) return false;
    if (file.kind === 'bundle') return directories.mayHold(file.path);
    return directories.mayHold(file.certificate) && directories.mayHold(file.privateKey);
  }

  /** Of the files that were given a name. */
  servedNames(): readonly string[] {
    return [...this.options.generic.keys()];
  }

  /** For one stream; `changed` is called with the name of each of its secrets that has changed. */
  openStream(changed: (name: string) => void): FileSecretsOfStream {
    const wanted = new Map<string, Entry>();
    return {
      secret: (name) => {
        const entry = wanted.get(name) ?? this.enter(name, changed);
        if (entry !== undefined) wanted.set(name, entry);
        return entry?.files.value;
      },
      close: () => {
        for (const [name, { listeners }] of wanted) {
          listeners.delete(changed);
          if (listeners.size === 0) this.leave(name);
        }
        wanted.clear();
      },
    };
  }

  /** Forgets all. No stream may be served any more. */
  close(): void {
    for (const name of [...this.entries.keys()]) this.leave(name);
  }

  private enter(name: string, changed: (name: string) => void): Entry | undefined {
    const entry = this.entries.get(name) ?? this.open(name);
    entry?.listeners.add(changed);
    return entry;
  }

  private open(name: string): Entry | undefined {
    if (!this.mayServe(name)) return undefined;
    if (this.entries.size >= MAX_FILE_SECRETS) {
      this.options.log.warn('too many secret files', { [Field.count]: MAX_FILE_SECRETS });
      return undefined;
    }
    const listeners: Entry['listeners'] = new Set();
    const files = new ReloadedFiles(this.filesOf(name), this.options, () => {
      for (const listener of listeners) listener(name);
    });
    const entry = { files, listeners };
    this.entries.set(name, entry);
    void files.open();
    return entry;
  }

  private leave(name: string): void {
    this.entries.get(name)?.files.close();
    this.entries.delete(name);
  }

  private filesOf(name: string): FilesOf<SecretContent> {
    const common = {
      what: name,
      isSame: (one: SecretContent, other: SecretContent) => one.version === other.version,
      discard: (content: SecretContent) => content.wipe(),
    };
    const generic = this.options.generic.get(name);
    if (generic !== undefined) return { ...common, paths: [generic], secretPaths: [generic], parse: parseGeneric };
    const file = fileNameOf(name);
    if (file?.kind === 'certificate') {
      const { certificate, privateKey } = file;
      const held: HeldPair = { notAfterMs: 0 };
      return {
        ...common,
        paths: [certificate, privateKey],
        secretPaths: [privateKey],
        optionalPaths: [certificate + STAPLE_SUFFIX],
        parse: (contents, { leftOut }) => this.parseCertificate(contents, held, leftOut),
      };
    }
    return { ...common, paths: [file?.path ?? ''], parse: (contents, round) => this.parseBundle(contents, round) };
  }

  private parseCertificate(
    [chain, key, staple]: readonly (Buffer | undefined)[],
    held: HeldPair,
    leftOut: (problem: IdentityError) => void,
  ): Parsed<SecretContent> {
    const { now, privateKeyProvider } = this.options;
    const nowMs = now();
    const moment = { nowMs, hasOther: nowMs < held.notAfterMs };
    const pair = parseCertificatePair(present(chain), present(key), moment);
    const value = certificateSecret(pair, { staple, nowMs, privateKeyProvider, leftOut });
    held.notAfterMs = Date.parse(pair.leaf.validTo);
    return { value };
  }

  private parseBundle([pem]: readonly (Buffer | undefined)[], round: Round<SecretContent>): Parsed<SecretContent> {
    const { value, goodUntilMs } = parseBundleFile(present(pem), this.options.now(), round);
    return { value: new SecretContent('validation-context', encodeValidationContext(value.toPem())), goodUntilMs };
  }
}

function parseGeneric([content]: readonly (Buffer | undefined)[]): Parsed<SecretContent> {
  if (present(content).length === 0) {
    throw new IdentityError('ERR_SECRET_FILE_INVALID', 'generic secret: got an empty file, expected its content');
  }
  return { value: new SecretContent('generic', encodeGenericSecret(present(content))) };
}

/** What is not optional is there. */
function present(content: Buffer | undefined): Buffer {
  if (content === undefined) throw new IdentityError('ERR_INTERNAL', 'secret files: got no content, expected one');
  return content;
}
