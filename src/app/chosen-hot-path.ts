import { chooseHotPath, type HotPathKind, type HotPathMode } from '../hotpath/index.js';
import { Field, type Logger } from '../telemetry/index.js';

/** Who does the cryptography of this process, said in one line of the log. @throws as {@link chooseHotPath}. */
export function chosenHotPath(mode: HotPathMode, logger: Logger): HotPathKind {
  const { kind, reason } = chooseHotPath(mode);
  logger.info('hot path chosen', { [Field.mode]: kind, [Field.reason]: reason });
  return kind;
}
