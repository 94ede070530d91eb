/** Something that is given as bytes, or by the name of a file that may change. */
export type Material =
  | { readonly kind: 'inline'; readonly content: Buffer }
  | { readonly kind: 'file'; readonly path: string };

/** Where an API server is, and as whom it is asked. */
export interface ServerAccess {
  /**
   * `https:`, or `http:` for a proxy on this machine that has the credentials; its path comes before that of the API.
   */
  readonly url: URL;
  /** The name to expect in the server's certificate, when it is not the host of the URL. */
  readonly serverName: string | undefined;
  /** PEM roots for the server's certificate; without any, those that Node.js has. */
  readonly ca: Material | undefined;
  readonly token: Material | undefined;
  readonly clientCertificate: { readonly cert: Material; readonly key: Material } | undefined;
  /** That of the pod, or of the context; `undefined` when neither says one. */
  readonly namespace: string | undefined;
}

/** What the process around us says about clusters: the environment variables by their names. */
export type ClusterEnvironment = Readonly<
  Partial<Record<'KUBERNETES_SERVICE_HOST' | 'KUBERNETES_SERVICE_PORT' | 'KUBECONFIG', string | undefined>>
>;
