/** A sidecar, be it a real Envoy or our stand-in. */
export interface Sidecar {
  readonly name: string;
  /**
   * Resolves when it has its secrets and takes connections. @throws Error with what is known, when `signal` aborts
   * first.
   */
  ready(signal: AbortSignal): Promise<void>;
  status(): Promise<SidecarStatus>;
  /** How many peers it has refused because no SAN matcher let them in. */
  refusedBySan(): Promise<number>;
  /** Resolves when it has ended. Safe to call twice. */
  close(): Promise<void>;
}

export interface SidecarStatus {
  readonly pid: number;
  readonly uptimeSeconds: number;
  /** Serial number of the leaf that it serves now: hexadecimal, lower case. */
  readonly serial: string;
}
