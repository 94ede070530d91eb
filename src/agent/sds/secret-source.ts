import type { CancelSignal } from '../../cancellation/index.js';
import type { SecretKind } from './secret-kind.js';

/**
 * What the SDS server needs from the holder of the secrets. Declared here, beside its use; `app` plugs it in.
 */
export interface SecretSource {
  /**
   * Opens the view of one stream. Decides who the caller is: the promise rejects with an IdentityError when it may
   * not be served, and the stream then ends with that error's status.
   *
   * Called once per stream, before any of its requests is answered. Who takes time for it asks for the signal that
   * `gone` gives, which is cancelled when the stream has ended: thousands of streams need none.
   */
  open(caller: StreamCaller, gone: () => CancelSignal): SecretView | Promise<SecretView>;
}

/** What is known of who opened a stream. Node id and metadata are never identity, so they are not here. */
export interface StreamCaller {
  /** The values of the `authorization` metadata, as they came. */
  readonly authorization: readonly string[];
  /** A number for logs: which connection of this process. */
  readonly connection: number;
  /** The process at its other end; `undefined` where it is not known. */
  readonly peer?: { readonly uid: number; readonly pid: number } | undefined;
  /** Which of several sockets it came by; `undefined` of the socket of all. */
  readonly origin?: string | undefined;
  /** Counts work that the caller has brought about: as `GrpcCall.charge` has it. */
  readonly charge?: ((cost: number, work: number) => void) | undefined;
}

/** The secrets of one caller, as they change. */
export interface SecretView {
  /** Whether the caller has proved who it is. Where left out, an ACK proves it. */
  readonly isProven?: boolean;
  /**
   * The newest content of a resource name, or `undefined`: unknown, not ours, or not there yet. The caller cannot
   * tell which; a name that is absent now may come later.
   */
  secret(name: string): ServedSecret | undefined;
  /**
   * Whether policy says that this caller can never have a secret of that name: true tells a delta client so, and lets
   * its Envoy go on without. Left out, or false, a name may still come. It must not tell a forbidden name from an
   * unknown one.
   */
  isImpossible?(name: string): boolean;
  /** Names of which there is or may be a secret: for the log, beside one that cannot be had. None if left out. */
  servedNames?(): readonly string[];
  /**
   * Calls `changed` after each change of any secret of this view, with the names that changed, until `close`.
   * The view calls `end` when the stream has to be opened again (its token has expired, say).
   */
  subscribe(events: SecretViewEvents): void;
  /** Ends the subscription. Safe to call twice. */
  close(): void;
}

export interface SecretViewEvents {
  changed(names: readonly string[]): void;
  /** Asks for the stream's end: with OK when there is no `reason`, so that Envoy comes back at once. */
  end(reason?: Error): void;
}

/** One version of one secret. The same object for every stream that it goes to, so that its bytes are made once. */
export interface ServedSecret {
  /** Content hash: equal content has an equal version, in every process. */
  readonly version: string;
  /** A serialised `tls.v3.Secret` without its `name`. */
  readonly body: Buffer;
  /** What the holder means it to be. A body of another kind is not served. */
  readonly kind?: SecretKind;
}
