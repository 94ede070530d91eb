import { IdentityError, wrapError } from '../../../errors/index.js';
import { SecretContent } from '../../../identity/index.js';
import { Field } from '../../../telemetry/index.js';
import type { AllowedDirectories } from '../files/allowed-directories.js';
import { parseLivingBundle } from '../files/bundle-file.js';
import { parseCertificatePair } from '../files/certificate-files.js';
import { checkStaple } from '../files/ocsp-staple.js';
import { type FileSurroundings, type FilesOf, ReloadedFiles } from '../files/reloaded-files.js';
import {
  encodeCertificate,
  encodeGenericSecret,
  encodeValidationContext,
  type PrivateKeyProvider,
  withPrivateKeyProvider,
} from './secret-codec.js';
import { fileNameOf } from './secret-names.js';

/** Above what a gateway has, which opens a stream for each; whoever asks for more made-up names gets no more. */
const MAX_FILE_SECRETS = 8192;

/** HAProxy's convention: the staple of `tls.crt` lies beside it as `tls.crt.ocsp`. */
const STAPLE_SUFFIX = '.ocsp';

export interface FileSecretsOptions extends FileSurroundings {
  readonly directories: AllowedDirectories;
  /** The files of generic secrets, by their names. */
  readonly generic: ReadonlyMap<string, string>;
  readonly privateKeyProvider: PrivateKeyProvider | undefined;
  /** Epoch milliseconds. */
  readonly now: () => number;
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

/** The secrets that are files, by their resource names: read while a stream wants them, and once for all streams. */
export class FileSecrets {
  private readonly entries = new Map<string, Entry>();

  constructor(private readonly options: FileSecretsOptions) {}

  /** How many names are read and watched. */
  get size(): number {
    return this.entries.size;
  }

  /** True for names that mean files which may be served, whether they are there or not. */
  mayServe(name: string): boolean {
    const { directories, generic } = this.options;
    if (generic.has(name)) return true;
    const file = fileNameOf(name);
    if (file === undefined) return false;
    if (file.kind === 'bundle') return directories.mayHold(file.path);
    return directories.mayHold(file.certificate) && directories.mayHold(file.privateKey);
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
    if (generic !== undefined) return { ...common, paths: [generic], parse: parseGeneric };
    const file = fileNameOf(name);
    if (file?.kind === 'certificate') {
      const { certificate, privateKey } = file;
      return {
        ...common,
        paths: [certificate, privateKey],
        optionalPaths: [certificate + STAPLE_SUFFIX],
        parse: (contents, complain) => this.parseCertificate(contents, complain),
      };
    }
    return { ...common, paths: [file?.path ?? ''], parse: (contents) => this.parseBundle(contents) };
  }

  private async parseCertificate(
    [chain, key, staple]: readonly (Buffer | undefined)[],
    complain: (problem: IdentityError) => void,
  ): Promise<SecretContent> {
    const { now, privateKeyProvider } = this.options;
    const { leaf, chainPem, privateKeyPem } = parseCertificatePair(present(chain), present(key), now());
    const isGood =
      staple !== undefined &&
      (await checkStaple(staple, leaf, now()).then(
        () => true,
        (error: unknown) => {
          complain(wrapError('ERR_SECRET_FILE_INVALID', 'OCSP staple', error));
          return false;
        },
      ));
    const body = encodeCertificate({ chainPem, privateKeyPem, ocspStaple: isGood ? staple : undefined });
    privateKeyPem.fill(0);
    if (privateKeyProvider === undefined) return new SecretContent('certificate', body);
    const provided = withPrivateKeyProvider(body, privateKeyProvider);
    body.fill(0);
    return new SecretContent('certificate', provided);
  }

  private parseBundle([pem]: readonly (Buffer | undefined)[]): SecretContent {
    const bundle = parseLivingBundle(present(pem), this.options.now());
    return new SecretContent('validation-context', encodeValidationContext(bundle.toPem()));
  }
}

function parseGeneric([content]: readonly (Buffer | undefined)[]): SecretContent {
  if (present(content).length === 0) {
    throw new IdentityError('ERR_SECRET_FILE_INVALID', 'generic secret: got an empty file, expected its content');
  }
  return new SecretContent('generic', encodeGenericSecret(present(content)));
}

/** What is not optional is there. */
function present(content: Buffer | undefined): Buffer {
  if (content === undefined) throw new IdentityError('ERR_INTERNAL', 'secret files: got no content, expected one');
  return content;
}
