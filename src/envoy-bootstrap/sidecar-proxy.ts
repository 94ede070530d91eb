import type { SdsOptions } from './sds-config.js';
import type { AllowedSan } from './workload-proxy.js';

/** All that makes one injected sidecar's Envoy different from another's. */
export interface SidecarProxy {
  /** Where the listeners that take traffic are: all addresses of these families. */
  readonly ipFamilies: readonly ('ipv4' | 'ipv6')[];
  readonly sds: SdsOptions;
  readonly ports: SidecarPorts;
  readonly inbound: SidecarInbound | undefined;
  readonly outbound: SidecarOutbound | undefined;
  /** The application's own probes, which Envoy answers for it. */
  readonly probes: readonly AppProbe[];
  /** Address of the pod, at which the application is probed: a text that is put in as it is. */
  readonly podIp: string;
}

/** On which ports Envoy listens; `health` and those of gRPC probes take plain HTTP, from any peer. */
export interface SidecarPorts {
  /** On loopback alone. */
  readonly admin: number;
  readonly inbound: number;
  readonly outbound: number;
  readonly health: number;
}

/** What comes to the pod. */
export interface SidecarInbound {
  /** `captured`: each connection goes on to the port that its caller named. Else all go to one port. */
  readonly target: { readonly kind: 'captured' } | { readonly kind: 'port'; readonly port: number };
  /** Takes plain text, too. */
  readonly isPermissive: boolean;
  readonly allowedSans: readonly AllowedSan[];
  /** Ports of something else than HTTP. */
  readonly tcpPorts: readonly number[];
}

/** What leaves the pod. */
export interface SidecarOutbound {
  /** Captured connections go where they were sent; others have their upstream from the Host header alone. */
  readonly isCaptured: boolean;
  readonly upstreams: readonly SidecarUpstream[];
  readonly maxConnectionAgeMs: number;
}

/** An HTTP service that is called over mutual TLS. */
export interface SidecarUpstream {
  readonly host: string;
  readonly port: number;
  readonly allowed: AllowedSan;
}

/** A probe of the application that its Envoy answers. */
export type AppProbe =
  | {
      readonly kind: 'http';
      /** Under which path Envoy takes it. */
      readonly path: string;
      /** The path of the application, without a query. */
      readonly appPath: string;
      readonly port: number;
      readonly isTls: boolean;
    }
  | { readonly kind: 'tcp'; readonly path: string; readonly port: number; readonly periodSeconds: number }
  | { readonly kind: 'grpc'; readonly listenPort: number; readonly port: number };
