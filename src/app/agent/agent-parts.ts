import type { FileWatch } from '../../agent/files/index.js';
import type { History } from '../../agent/history/index.js';
import type { IssuanceTraces, ServedLeaves } from '../../agent/identity/index.js';
import type { SecretCatalog } from '../../agent/secrets/index.js';
import type { AgentConfig } from '../../config/index.js';
import type { HotPathKind } from '../../hotpath/index.js';
import type { AgentStatusOptions } from '../../status/index.js';
import type { MetricRegistry } from '../../telemetry/index.js';
import type { WallClockTimers } from '../../timers/index.js';
import type { CaSettings } from '../connect-ca.js';
import type { AppContext, Teardown } from '../running-app.js';
import type * as AgentNetwork from './agent-network.js';
import type { ServedSecrets } from './served-secrets.js';

/** What both sources of an identity are made with. */
export interface AgentParts {
  readonly config: AgentConfig;
  readonly context: AppContext;
  readonly hotPath: HotPathKind;
  readonly metrics: MetricRegistry;
  readonly timers: WallClockTimers;
  readonly watch: FileWatch;
  readonly catalog: SecretCatalog;
  readonly network: Promise<typeof AgentNetwork>;
  /** Whether all streams have answered. */
  readonly isSettled: () => boolean;
  /** What Envoys have not acknowledged, for CAs. */
  readonly unacknowledged: NonNullable<CaSettings['unacknowledged']>;
  /** Which key has signed the leaves that are served. */
  readonly leaves: ServedLeaves;
  /** The recent past, where it can be asked for. */
  readonly history: History | undefined;
  /** What records how certificates are obtained, where that is switched on. */
  readonly traces: IssuanceTraces | undefined;
  readonly teardown: Teardown;
}

/** What is served, and where it comes from, for the status page. */
export interface OpenedSource extends Pick<AgentStatusOptions, 'ca' | 'files' | 'migration' | 'output'> {
  readonly secrets: ServedSecrets;
}
