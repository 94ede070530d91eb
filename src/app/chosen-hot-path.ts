import { chooseHotPath, type HotPathKind, type HotPathMode } from '../hotpath/index.js';
import { trustByAddon } from '../system/platform/index.js';
import { Field, type Logger, Metric, type MetricRegistry } from '../telemetry/index.js';

/**
 * Who does the cryptography of this process, said in one line of the log and in a metric. `js` leaves the addon alone.
 * @throws as {@link chooseHotPath}.
 */
export function chosenHotPath(mode: HotPathMode, logger: Logger, metrics: MetricRegistry): HotPathKind {
  const { kind, reason } = chooseHotPath(mode);
  logger.info('hot path chosen', { [Field.mode]: kind, [Field.reason]: reason });
  metrics.gauge(Metric.hotPathInfo, { kind }).set(1);
  trustByAddon(kind === 'native');
  return kind;
}
