/**
 * What `native/addon.cc` exports. Synchronous, for one thread; keys and answers are moved out in memory of their own.
 *
 * Items and answers of a batch are tuples, because an object with names costs N-API about as much as a hash of a CSR.
 * An item that fails is answered by its code and message, and the batch goes on; what throws is a bug of ours.
 */
export interface Addon {
  /** Which sources it was built from. */
  readonly revision: string;

  /** Of 1 to 1000 items, as the other two. */
  prepareBatch(
    items: readonly PrepareTuple[],
  ): [csrPems: ArrayBuffer, RawOutcome<[privateKey: ArrayBuffer, csrStart: number, csrEnd: number]>[]];
  sealBatch(
    items: readonly SealTuple[],
  ): RawOutcome<
    [certificateBody: ArrayBuffer, bundleBody: ArrayBuffer, serial: string, notBeforeMs: number, notAfterMs: number]
  >[];
  /**
   * With the signer that {@link loadSigner} has loaded under this id in this thread, and {@link hasSigner} still knows.
   */
  issueBatch(
    signerId: string,
    items: readonly IssueTuple[],
  ): RawOutcome<[leafPem: ArrayBuffer, requestedUri: string | undefined]>[];
  hasSigner(id: string): boolean;
  /** Keeps the four that were used last. @throws with the code `ERR_SIGNER_INVALID`. */
  loadSigner(id: string, certificateDer: Uint8Array, privateKeyDer: Uint8Array): void;

  /** @throws with an errno name as code, or an empty one where the system has no such call. */
  peerCredentials(descriptor: number): { readonly pid: number; readonly uid: number; readonly gid: number };
  /** @throws as {@link peerCredentials}. */
  forbidDumping(): void;
  /** Has this process killed when the one with this id, which has started it, ends or has ended. Linux alone. */
  endWithParent(parentPid: number): void;
  /** Makes room for so many descriptors of this process, and waits for it up to 15 ms. */
  reserveDescriptors(count: number): void;

  /**
   * What `make` has returned, which has made one TLS context: that trusts these roots, too, each as an anchor. @throws
   * what `make` throws; with a code of ours when it made none, and for roots that cannot be read.
   */
  contextTrusting<T>(rootPem: Uint8Array, make: () => T): T;

  readonly SocketHub: SocketHubClass;

  readonly Pkcs11Module: Pkcs11ModuleClass;
}

/** `keyType` is the index into `KEY_TYPES`, of an EC one. */
export type PrepareTuple = readonly [keyType: number, uri: string];

export type SealTuple = readonly [
  privateKey: Uint8Array,
  chainPem: Uint8Array,
  bundlePem: Uint8Array,
  spiffeId: string,
  nowMs: number,
  minLifeMs: number,
  maxAheadMs?: number,
];

/** `generalNames` are whole GeneralNames in DER, one after the other. */
export type IssueTuple = readonly [
  csrPem: Uint8Array,
  generalNames: Uint8Array,
  serial: Uint8Array,
  notBeforeMs: number,
  notAfterMs: number,
];

/** A value's first part is memory, a failure's is text. */
export type RawOutcome<T extends readonly [ArrayBuffer, ...unknown[]]> = T | [code: string, message: string];

/**
 * A poll for many Unix sockets, whose numbers are called slots. `onEvents` is called from the event loop of this thread
 * when `count` events lie in `events`, five numbers each; `native/socket_hub.h` says which. Unless it returns true, it
 * is done with them; else it keeps them, and no others come, until `resume`. It keeps the loop alive until `close`.
 */
export type SocketHubClass = new (
  arena: Uint8Array,
  events: Int32Array,
  outgoing: Uint8Array,
  messages: Int32Array,
  onEvents: (count: number) => boolean,
) => {
  /** The events that were kept have been worked off. */
  resume(): void;
  /** @throws with an errno name as code. */
  listen(path: string, backlog: number): void;
  stopListening(): void;
  /** After the event `acceptFailed`. */
  resumeAccepting(): void;
  /** Connects to a path as a client: the slot, or an errno as a negative number. */
  connect(path: string): number;
  /** Sends without waiting: how many bytes the system took, or an errno as a negative number. */
  send(slot: number, bytes: Uint8Array): number;
  /**
   * Sends the first `count` of `messages`, six numbers each, with their bytes in `outgoing`, so; `native/socket_hub.h`
   * says which. Each may have one of `shared` among its own bytes.
   */
  sendAll(count: number, shared: readonly Uint8Array[]): void;
  /** Asks for one event `writable`. */
  awaitWritable(slot: number): void;
  /** Whether what comes is told, as at first. An end is told in any case, with what comes before it. */
  setReading(slot: number, isReading: boolean): void;
  /** Shuts the sending half. */
  finish(slot: number): void;
  closeSocket(slot: number): void;
  /** Closes the listener, all sockets, and the poll. Safe to call twice. */
  close(): void;
};

/**
 * A PKCS#11 module, loaded into this process and initialised. @throws with the code `DLOPEN` and the reason of the
 * system. What the module refuses is thrown, or rejected, with the code `CKR`, the name of the function as message and
 * its CK_RV as `returnValue`.
 */
export type Pkcs11ModuleClass = new (
  path: string,
) => {
  /** Those that are present. */
  tokens(): readonly Pkcs11Token[];
  openSession(slot: number): number;
  /** Of all sessions with the token of this one. */
  login(session: number, pin: Uint8Array): void;
  /** Private keys with this label and id, where they are given; 8 at most. */
  privateKeys(session: number, label: Uint8Array | undefined, id: Uint8Array | undefined): number[];
  /** `undefined` when the object has none, or does not show it. */
  attribute(session: number, object: number, type: number): ArrayBuffer | undefined;
  /** In a thread of libuv's pool. A session signs one at a time. */
  sign(session: number, key: number, mechanism: number, input: Uint8Array): Promise<ArrayBuffer>;
  /** Ends all sessions. */
  finalize(): void;
};

/** What a token says of itself. */
export interface Pkcs11Token {
  readonly slot: number;
  readonly label: string;
  readonly manufacturer: string;
  readonly model: string;
  readonly serial: string;
  readonly flags: number;
}
