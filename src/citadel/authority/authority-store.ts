/** Where a root that Citadel has made itself is kept, for all of its replicas: a Secret of Kubernetes, say. */
export interface AuthorityStore {
  /** As messages name it: `Secret istio-system/istio-ca-secret`. */
  readonly name: string;
  /**
   * Its files by their names, as in a CA directory; `undefined` when there are none. In memory of their own: who asks
   * wipes the key.
   */
  read(): Promise<ReadonlyMap<string, Buffer> | undefined>;
  /** Keeps these files, unless another replica has kept some meanwhile: false then. */
  create(files: ReadonlyMap<string, Buffer>): Promise<boolean>;
}
