/** A value of JSON that has any fields; those that matter here have types below. */
export interface Fields {
  readonly [field: string]: unknown;
}

/** A Pod, or the template of one. */
export interface Pod extends Fields {
  readonly metadata?: Metadata | null;
  readonly spec: PodSpec;
}

export interface Metadata extends Fields {
  readonly labels?: Readonly<Record<string, string>> | null;
  readonly annotations?: Readonly<Record<string, string>> | null;
}

export interface PodSpec extends Fields {
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[] | null;
  readonly volumes?: readonly Volume[] | null;
  readonly serviceAccountName?: string | null;
  readonly hostNetwork?: boolean | null;
  readonly terminationGracePeriodSeconds?: number | null;
  readonly securityContext?: SecurityContext | null;
  readonly os?: { readonly name?: string | null } | null;
}

export interface SecurityContext extends Fields {
  readonly runAsUser?: number | null;
}

export interface Volume extends Fields {
  readonly name: string;
}

export interface Container extends Fields {
  readonly name: string;
  readonly restartPolicy?: string | null;
  readonly ports?: readonly ContainerPort[] | null;
  readonly securityContext?: SecurityContext | null;
  readonly livenessProbe?: Probe | null;
  readonly readinessProbe?: Probe | null;
  readonly startupProbe?: Probe | null;
  readonly lifecycle?: Lifecycle | null;
}

export interface ContainerPort extends Fields {
  readonly name?: string | null;
  readonly containerPort: number;
  readonly protocol?: string | null;
}

/** What the kubelet does to find out, or to tell; at most one of the ways is set. */
export interface Action extends Fields {
  readonly httpGet?: HttpGet | null;
  readonly tcpSocket?: { readonly host?: string | null; readonly port: number | string } | null;
}

export interface Probe extends Action {
  readonly grpc?: { readonly port: number; readonly service?: string | null } | null;
  readonly periodSeconds?: number | null;
}

export interface HttpGet extends Fields {
  readonly host?: string | null;
  readonly path?: string | null;
  readonly port: number | string;
  readonly scheme?: string | null;
}

export interface Lifecycle extends Fields {
  readonly postStart?: Action | null;
  readonly preStop?: Action | null;
}
